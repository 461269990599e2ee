import KMSEngine
import KMSModel
import NIOCore
import NIOHTTP1

/// Rules of a connection that the framework leaves to its user: a client that waits for leave to send its body gets it,
/// a connection that the client does not keep is closed after the answer, and so is one whose client takes too long, says
/// not or twice which host it means, or sends its body in crumbs.
///
/// Source: RFC 9110, section 10.1.1 (`Expect`), and RFC 9112, sections 3.2 (`Host`), 6.1 (`Transfer-Encoding`) and 9.3
/// (persistence).
final class ConnectionRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let timer: ConversationTimer
    /// Told of answers that are made below the endpoint; nil where none is counted.
    private let metrics: TransportMetrics?
    /// The parts that come belong to a request that will be answered.
    private var isListening = true
    /// Nothing that comes is heard any more.
    private var isOver = false
    private var parts = BodyParts()
    private var body = BodyBuffer()
    /// The last request waits for leave to send its body.
    private var waits = false

    init(_ conversation: Conversation, metrics: TransportMetrics?) {
        timer = ConversationTimer(conversation)
        self.metrics = metrics
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            guard Self.isPlain(head) else {
                isOver = true
                // The framework answers it as it does what is no HTTP at all, behind the answers that are still due.
                return context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
            }
            isListening = timer.conversation.begin()
            guard isListening else { return }
            parts.begin()
            let expectations = head.headers[canonicalForm: "expect"]
            waits = head.version == .http1_1 && expectations.contains { String($0).isSame(asFolded: "100-continue") }
            if !head.isKeepAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.fireChannelRead(wrapInboundOut(.head(head)))
            giveLeave(context)
        case .body(let part):
            guard isListening else { return }
            waits = false
            guard parts.admit(part.readableBytes) else {
                isOver = true
                return context.close(promise: nil)
            }
            let (first, second) = body.add(part)
            pass(first, context)
            pass(second, context)
        case .end:
            guard isListening else { return }
            waits = false
            pass(body.take(), context)
            timer.conversation.finish()
            context.fireChannelRead(data)
        }
    }

    /// Takes note of a request that came whole and is plain, and by itself.
    ///
    /// - Returns: Whether it will be answered: a server that ends begins nothing new.
    func takeWhole() -> Bool {
        guard !isOver, timer.conversation.begin() else { return false }
        timer.conversation.finish()
        timer.settle()
        return true
    }

    private func pass(_ part: ByteBuffer?, _ context: ChannelHandlerContext) {
        if let part { context.fireChannelRead(wrapInboundOut(.body(part))) }
    }

    /// Whether a request is for one host, and its body has a length that nobody between could see otherwise.
    private static func isPlain(_ head: HTTPRequestHead) -> Bool {
        let hosts = head.headers["host"].count
        guard hosts == 1 || hosts == 0 && head.version == .http1_0 else { return false }
        let codings = head.headers["transfer-encoding"]
        return codings.isEmpty
            || head.version == .http1_1 && codings.count == 1 && codings[0].isSame(asFolded: "chunked")
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where timer.conversation.unanswered == 0:
            // The framework's own answer to what is no request. Every answer has an identifier.
            head.headers.replaceOrAdd(name: "x-amzn-RequestId", value: RequestID.make())
            metrics?.requestRefused(Int(head.status.code))
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .head, .body:
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            answered(context)
        }
    }

    /// Takes note that all of an answer was written.
    func answered(_ context: ChannelHandlerContext) {
        timer.conversation.answer()
        timer.settle()
        giveLeave(context)
    }

    /// Sends the interim answer, but never into the middle of the answer to an earlier request.
    private func giveLeave(_ context: ChannelHandlerContext) {
        guard waits, timer.conversation.unanswered == 1 else { return }
        waits = false
        let leave = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(leave)), promise: nil)
    }
}

// The time that a client has.
extension ConnectionRules {
    func channelActive(context: ChannelHandlerContext) {
        timer.settle()
        context.fireChannelActive()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        pass(body.take(), context)
        timer.settle()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        timer.conversation.read(context.channel.isWritable)
        timer.settle()
        context.fireChannelWritabilityChanged()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .output {
            timer.conversation.close()
            timer.settle()
        }
        context.close(mode: mode, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            timer.conversation.end(at: .now())
            timer.settle()
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Behind TLS the connection is there before its rules are.
    func handlerAdded(context: ChannelHandlerContext) {
        timer.start(on: context.eventLoop) { context.close(promise: nil) }
        if context.channel.isActive { timer.settle() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer.stop() }
}

/// Puts ``ConnectionRules`` where requests still show their version; the framework admits handlers only behind that.
final class ConnectionRulesInstaller: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let rules: ConnectionRules

    init(_ rules: ConnectionRules) { self.rules = rules }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(rules, position: .after(decoder))
        } catch {
            context.fireErrorCaught(error)
        }
    }
}
