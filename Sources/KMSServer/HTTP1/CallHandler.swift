import KMSEngine
package import NIOCore
import NIOHTTP1

/// Answers calls of HTTP/1.1 that memory answers where they arrive, on the event loop of their connection.
///
/// That needs no task that waits for the parts of requests. Every other request is handed on to the framework; so is one that
/// comes while the framework has not answered an earlier one. Now and then a call has to wait all the same, as for a disk or
/// for a key that is not in memory: then everything behind it on the connection does.
final class CallHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A call of which not all is there.
    private final class Received {
        let call: PlainCall
        let head: HTTPRequestHead
        var body: ByteBuffer?

        init(_ call: PlainCall, _ head: HTTPRequestHead) {
            self.call = call
            self.head = head
        }
    }

    private enum Turn {
        case free
        /// A call's body is coming.
        case receiving(Received)
        /// A call is being answered.
        case answering
        /// A request is coming that is handed on.
        case handingOn
    }

    /// What came when it was not its turn.
    private enum Held {
        case part(HTTPServerRequestPart)
        case event(Any)
        case failure(any Error)
    }

    private let endpoint: CallEndpoint
    private let group: CallGroup
    /// Who is at the other end.
    let peer: Peer
    private let way: AnswerWay
    private var turn = Turn.free
    private var head = RememberedHead()
    /// Requests that were handed on and are not answered.
    private var handedOn = 0
    private var held = CircularBuffer<Held>(initialCapacity: 0)
    private var readIsHeld = false
    private var isTakingHeld = false
    /// Whether something was handed on of which the framework has not been told that it was all.
    private var hasHandedOn = false
    /// Whether the connection ends with what was handed on: nothing that comes after that is a request (RFC 9112, section 9.6).
    private var isEnding = false
    /// Its place in the connection, as long as it is there.
    private var context: ChannelHandlerContext?

    /// - Parameter group: That of the connection's event loop.
    init(_ endpoint: CallEndpoint, _ group: CallGroup, peer: Peer, way: AnswerWay) {
        self.endpoint = endpoint
        self.group = group
        self.peer = peer
        self.way = way
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if mustWait(context) { held.append(.part(part)) } else { take(part, context) }
    }

    /// Whether what comes has to wait for an answer to be ready, or for the client to take those that are.
    private func mustWait(_ context: ChannelHandlerContext) -> Bool {
        switch turn {
        case .answering: true
        case .free: !held.isEmpty || !context.channel.isWritable
        case .receiving, .handingOn: !held.isEmpty
        }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (turn, part) {
        case (.free, .head(let head)):
            if handedOn == 0, !isEnding, let call = PlainCall(head) {
                turn = .receiving(Received(call, head))
            } else {
                if !head.isKeepAlive { isEnding = true }
                handOn(context, part)
                turn = .handingOn
                handedOn += 1
            }
        case (.receiving(let received), .body(let more)):
            // Copied, because a part is a piece of all that was read together.
            var whole = received.body.take() ?? context.channel.allocator.buffer(capacity: received.call.bodyLength)
            whole.writeImmutableBuffer(more)
            received.body = whole
        case (.receiving(let received), .end):
            answer(received.call, received.body.map { Array($0.readableBytesView) } ?? [])
        case (.handingOn, .end):
            handOn(context, part)
            turn = .free
        default: handOn(context, part)
        }
    }

    private func handOn(_ context: ChannelHandlerContext, _ part: HTTPServerRequestPart) {
        hasHandedOn = true
        context.fireChannelRead(wrapInboundOut(part))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        hasHandedOn = false
        context.fireChannelReadComplete()
    }

    /// Tells the framework, which waits for that, that all was handed on which is there.
    private func completeHandingOn(_ context: ChannelHandlerContext) {
        if hasHandedOn { channelReadComplete(context: context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        held.removeAll()
        context.fireChannelInactive()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        isEnding = true
        context.close(mode: mode, promise: promise)
    }

    /// Leaves a request to the framework of which a part has come: something happened in the middle of it.
    private func letGo(_ context: ChannelHandlerContext) {
        guard case .receiving(let received) = turn else { return }
        turn = .handingOn
        handedOn += 1
        handOn(context, .head(received.head))
        if let body = received.body { handOn(context, .body(body)) }
    }

    // MARK: Answers

    /// Answers a call that came whole, and before which nothing waits.
    ///
    /// - Returns: Whether it is one, and will be answered; otherwise no later one is to be asked about.
    func answer(_ bytes: ByteBuffer) -> Bool {
        guard let context, case .free = turn, handedOn == 0, !isEnding, !mustWait(context),
            let whole = WholeCall(bytes, knowing: &head), way.begin()
        else {
            // Nothing on this connection is taken for a whole call any more.
            head = RememberedHead()
            return false
        }
        answer(whole.call, whole.body)
        return true
    }

    private func answer(_ call: PlainCall, _ body: [UInt8]) {
        turn = .answering
        group.add(call, body, for: self)
    }

    /// Writes the answer to the call that came last.
    func write(_ answer: CallAnswer) {
        turn = .free
        guard let context else { return }
        way.write(answer.message(on: endpoint.date.text, context.channel.allocator))
    }

    /// Sends what was written, and takes what came meanwhile.
    func flush() {
        guard let context else { return }
        way.flush()
        takeHeld(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { handedOn = max(0, handedOn - 1) }
        context.write(data, promise: promise)
    }

    // MARK: Waiting

    /// Lets one more reading through while a call is answered: hardly ever is there something to read, and to say that none is
    /// wanted, and that one is again, are two requests to the system for each call.
    func read(context: ChannelHandlerContext) {
        if held.isEmpty, isAnswering || !mustWait(context) { context.read() } else { readIsHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        takeHeld(context)
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        pass(.event(event), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { pass(.failure(error), context) }

    private func pass(_ what: Held, _ context: ChannelHandlerContext) {
        if case .answering = turn { return held.append(what) }
        guard held.isEmpty else { return held.append(what) }
        takeOver(what, context)
    }

    private func takeOver(_ what: Held, _ context: ChannelHandlerContext) {
        switch what {
        case .part(let part): take(part, context)
        case .event(let event):
            prepare(context)
            context.fireUserInboundEventTriggered(event)
        case .failure(let error):
            prepare(context)
            context.fireErrorCaught(error)
        }
    }

    private func prepare(_ context: ChannelHandlerContext) {
        letGo(context)
        completeHandingOn(context)
    }

    private func takeHeld(_ context: ChannelHandlerContext) {
        guard !isTakingHeld else { return }
        isTakingHeld = true
        while !isAnswering, canWrite(context), let next = held.popFirst() { takeOver(next, context) }
        isTakingHeld = false
        completeHandingOn(context)
        if readIsHeld, held.isEmpty, !mustWait(context) {
            readIsHeld = false
            context.read()
        }
    }

    private var isAnswering: Bool { if case .answering = turn { true } else { false } }

    /// Whether the next may be begun: a client that takes no answers gets no more of them.
    private func canWrite(_ context: ChannelHandlerContext) -> Bool {
        if case .free = turn { context.channel.isWritable } else { true }
    }
}

extension Endpoint {
    /// Answers the calls that come on a connection, where requests are the parts that NIO makes of HTTP/1.1.
    ///
    /// - Throws: When the connection is gone already.
    package func answerCalls(on channel: any Channel) throws {
        try answerCalls(on: channel, from: Peer(of: channel), behind: nil)
    }

    /// - Parameter rules: What comes first on the connection.
    func answerCalls(on channel: any Channel, from peer: Peer, behind rules: ConnectionRules?) throws {
        guard let calls else { return }
        let way = try AnswerWay(of: channel, behind: rules)
        let pipeline = channel.pipeline.syncOperations
        let handler = CallHandler(calls, calls.group(on: channel.eventLoop), peer: peer, way: way)
        try pipeline.addHandler(handler, position: rules.map { .after($0) } ?? .last)
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(WholeCallReader(handler), position: .before(decoder))
    }
}
