import KMSEngine
import KMSModel
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Answers calls that memory answers, on the event loops of their connections (``CallHandler``).
final class CallEndpoint: Sendable {
    private let json: JSONProtocol
    private let metrics: TransportMetrics
    private let proxies: TrustedProxies
    private let logger: Logger
    /// The time of answers.
    let date = HTTPDate()
    /// How many calls are being answered.
    private let running = Atomic(0)
    private let groups = Mutex<[ObjectIdentifier: NIOLoopBound<CallGroup>]>([:])

    init(_ json: JSONProtocol, metrics: TransportMetrics, proxies: TrustedProxies, logger: Logger) {
        self.json = json
        self.metrics = metrics
        self.proxies = proxies
        self.logger = logger
    }

    /// The calls of all connections of this event loop, which has to be the caller's.
    func group(on loop: any EventLoop) -> CallGroup {
        groups.withLock { groups in
            let place = ObjectIdentifier(loop)
            if let group = groups[place] { return group }
            let group = NIOLoopBound(CallGroup(self, loop), eventLoop: loop)
            groups[place] = group
            return group
        }.value
    }

    /// Waits until no call is being answered any more, also of clients that are gone.
    func finish() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        while running.load(ordering: .relaxed) > 0 {
            // Also in a task that was cancelled.
            try? await loop.scheduleTask(in: .milliseconds(5)) {}.futureResult.get()
        }
    }

    /// Takes note of a call that is there.
    func begin() {
        running.add(1, ordering: .relaxed)
        metrics.requestBegan()
    }

    /// Finds out who sent a call.
    ///
    /// - Parameter watch: Begun when it was there.
    func received(_ call: PlainCall, _ body: [UInt8], from peer: Peer, _ watch: Stopwatch) -> ReceivedCall {
        let origin = proxies.origin(
            peer: peer.address, isSecure: peer.tls != nil, forwardedFor: [], forwardedProto: [])
        let client = Client(
            address: origin.address, userAgent: call.userAgent, referer: call.referer, isSecure: origin.isSecure,
            tls: peer.tls?.to(call.host))
        return json.received(
            call.signed(body), for: call.operation, contentType: call.contentType, client, RequestID.make(),
            watch)
    }

    /// Answers a call.
    func answer(_ call: ReceivedCall) async -> UnkeptAnswer { await json.pipeline.unkeptAnswer(to: call) }

    /// The answers to calls, once what is recorded of them is kept; nil when that has to wait.
    func keep(_ waiting: [UnkeptAnswer]) -> [CallAnswer]? {
        json.pipeline.keep(waiting).map { end(waiting, $0) }
    }

    /// As ``keep(_:)``, however long it takes.
    func kept(_ waiting: [UnkeptAnswer]) async -> [CallAnswer] {
        end(waiting, await json.pipeline.kept(waiting))
    }

    private func end(_ waiting: [UnkeptAnswer], _ results: [Result<[UInt8], KMSError>]) -> [CallAnswer] {
        running.subtract(waiting.count, ordering: .relaxed)
        return zip(waiting, results).map { waiting, result in
            let answer = JSONProtocol.answer(result, waiting.requestID)
            metrics.requestEnded(answer.status)
            logger.debug("Answered", metadata: ["request-id": "\(waiting.requestID)", "status": "\(answer.status)"])
            return answer
        }
    }
}
