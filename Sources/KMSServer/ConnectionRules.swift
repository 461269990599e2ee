import NIOCore
import NIOHTTP1

/// Rules of HTTP/1 that the framework leaves to its user: a client that waits for leave to send its body gets it, and a
/// connection that the client does not keep is closed after the answer.
///
/// Source: RFC 9110, section 10.1.1 (`Expect`), and RFC 9112, section 9.3 (persistence).
final class ConnectionRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Requests whose answers have not left.
    private var unanswered = 0
    /// The last of them waits for leave to send its body.
    private var waits = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(var head):
            unanswered += 1
            let expectations = head.headers[canonicalForm: "expect"]
            waits = head.version == .http1_1 && expectations.contains { $0.lowercased() == "100-continue" }
            if !head.isKeepAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.fireChannelRead(wrapInboundOut(.head(head)))
            giveLeave(context)
        case .body, .end:
            waits = false
            context.fireChannelRead(data)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let isEnd = if case .end = unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        guard isEnd else { return }
        unanswered -= 1
        giveLeave(context)
    }

    /// Sends the interim answer, but never into the middle of the answer to an earlier request.
    private func giveLeave(_ context: ChannelHandlerContext) {
        guard waits, unanswered == 1 else { return }
        waits = false
        let leave = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(leave)), promise: nil)
    }
}

/// Puts ``ConnectionRules`` where requests still show their version; the framework admits handlers only behind that.
final class ConnectionRulesInstaller: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(ConnectionRules(), position: .after(decoder))
        } catch {
            context.fireErrorCaught(error)
        }
    }
}
