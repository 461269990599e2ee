import EventLoopExecutor
import KMSEngine
import NIOCore

/// The calls of one event loop that came and are not answered.
///
/// They are begun when all connections that have something to read have been read, each step for all of them: the code of a
/// call is ten times what the processor has at hand of it, so to do one call after the other fetches all of it for each. When
/// they are ready, their records are kept by one write to the audit log, and then their answers are sent: no client is woken
/// before, who would take the processor.
///
/// On its event loop only.
final class CallGroup {
    /// A call that came, and the connection on which it did; an object, which is handed from step to step.
    private final class Coming {
        let call: PlainCall
        let body: [UInt8]
        let handler: CallHandler
        /// Begun when it was there.
        let watch = Stopwatch()

        init(_ call: consuming PlainCall, _ body: consuming [UInt8], _ handler: CallHandler) {
            self.call = call
            self.body = body
            self.handler = handler
        }
    }

    /// It has this group; and the handlers that wait here have it.
    private unowned let endpoint: CallEndpoint
    private let loop: any EventLoop
    /// Where calls go on that had to wait.
    private let executor: EventLoopTaskExecutor
    private var coming: [Coming] = []
    /// Answers that are ready but whose records are not kept yet.
    private var ready: [UnkeptAnswer] = []
    /// Where each of them is sent.
    private var handlers: [CallHandler] = []
    /// Whether something is done with them when this turn of the event loop ends.
    private var isDue = false

    init(_ endpoint: CallEndpoint, _ loop: any EventLoop) {
        self.endpoint = endpoint
        self.loop = loop
        executor = EventLoopTaskExecutor(loop)
    }

    /// Adds a call, whose answer will be sent by `handler`.
    func add(_ call: consuming PlainCall, _ body: consuming [UInt8], for handler: CallHandler) {
        endpoint.begin()
        coming.append(Coming(call, body, handler))
        comeBack()
    }

    private func add(_ answer: UnkeptAnswer, for handler: CallHandler) {
        ready.append(answer)
        handlers.append(handler)
        comeBack()
    }

    private func comeBack() {
        guard !isDue else { return }
        isDue = true
        let place = NIOLoopBound(self, eventLoop: loop)
        loop.execute { place.value.work() }
    }

    private func work() {
        let coming = coming
        self.coming = []
        let received = coming.map { endpoint.received($0.call, $0.body, from: $0.handler.peer, $0.watch) }
        for (call, coming) in zip(received, coming) { answer(call, for: coming.handler) }
        isDue = false
        finish()
        // In case that any came meanwhile.
        if !self.coming.isEmpty { comeBack() }
    }

    private func answer(_ call: ReceivedCall, for handler: CallHandler) {
        let (loop, endpoint) = (loop, endpoint)
        let place = NIOLoopBound((group: self, handler: handler), eventLoop: loop)
        // Begins here and now, and ends here unless the call has to wait for something.
        Task.immediate(executorPreference: executor) {
            let answer = await endpoint.answer(call)
            loop.onceInside { place.value.group.add(answer, for: place.value.handler) }
        }
    }

    private func finish() {
        let (ready, handlers) = (ready, handlers)
        guard !ready.isEmpty else { return }
        (self.ready, self.handlers) = ([], [])
        if let answers = endpoint.keep(ready) { return Self.send(answers, handlers) }
        let answers = loop.makeFutureWithTask { [endpoint] in await endpoint.kept(ready) }
        answers.assumeIsolated().whenSuccess { Self.send($0, handlers) }
    }

    private static func send(_ answers: [CallAnswer], _ handlers: [CallHandler]) {
        for (answer, handler) in zip(answers, handlers) { handler.write(answer) }
        for handler in handlers { handler.flush() }
    }
}

extension EventLoop {
    /// Does something on this event loop: at once, where the caller is on it.
    fileprivate func onceInside(_ work: @escaping @Sendable () -> Void) {
        if inEventLoop { work() } else { execute(work) }
    }
}
