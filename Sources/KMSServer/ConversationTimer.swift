import NIOCore

/// A conversation, and the next look at it.
///
/// There is one look at a time, and it is not moved when the client gets more time: that would cost something for every
/// request.
final class ConversationTimer {
    var conversation: Conversation
    private var look: (time: NIODeadline, task: Scheduled<Void>)?
    private var watch: (loop: any EventLoop, whenOver: () -> Void)?

    init(_ conversation: Conversation = Conversation(at: .now())) { self.conversation = conversation }

    /// Begins to look; `whenOver` is called when the client's time is over.
    func start(on loop: any EventLoop, whenOver: @escaping () -> Void) { watch = (loop, whenOver) }

    /// Ends looking, and lets go of what is called.
    func stop() {
        look?.task.cancel()
        look = nil
        watch = nil
    }

    /// Sees whose turn it is, and plans to look again no later than the client's time is over.
    func settle() {
        conversation.settle(at: .now())
        guard let watch, let deadline = conversation.deadline else { return }
        if let look {
            guard deadline < look.time else { return }
            look.task.cancel()
        }
        let task = watch.loop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.look = nil
            self.closeWhenOver()
        }
        look = (deadline, task)
    }

    private func closeWhenOver() {
        if let deadline = conversation.deadline, deadline <= .now() {
            watch?.whenOver()
        } else {
            settle()
        }
    }
}
