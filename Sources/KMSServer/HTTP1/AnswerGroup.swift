import KMSEngine
import NIOCore

/// The answers of one event loop that are ready but whose records are not kept yet.
///
/// They are kept, and sent, when all connections that have something to read have been read: one write to the audit log is for
/// all of them, and no client is woken before, who would take the processor.
///
/// On its event loop only.
final class AnswerGroup {
    /// It has this group; and the handlers that wait here have it.
    private unowned let endpoint: CallEndpoint
    private let loop: any EventLoop
    private var waiting: [UnkeptAnswer] = []
    /// How each of them is sent.
    private var sending: [(CallAnswer) -> Void] = []

    init(_ endpoint: CallEndpoint, _ loop: any EventLoop) {
        self.endpoint = endpoint
        self.loop = loop
    }

    /// Adds an answer, which is sent by `send` on this event loop.
    func add(_ answer: UnkeptAnswer, _ send: @escaping (CallAnswer) -> Void) {
        waiting.append(answer)
        sending.append(send)
        guard waiting.count == 1 else { return }
        let place = NIOLoopBound(self, eventLoop: loop)
        loop.execute { place.value.finish() }
    }

    private func finish() {
        let (waiting, sending) = (waiting, sending)
        (self.waiting, self.sending) = ([], [])
        if let answers = endpoint.keep(waiting) { return Self.send(answers, sending) }
        let answers = loop.makeFutureWithTask { [endpoint] in await endpoint.kept(waiting) }
        answers.assumeIsolated().whenSuccess { Self.send($0, sending) }
    }

    private static func send(_ answers: [CallAnswer], _ sending: [(CallAnswer) -> Void]) {
        for (answer, send) in zip(answers, sending) { send(answer) }
    }
}
