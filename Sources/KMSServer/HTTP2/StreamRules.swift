import HTTPTypes
import KMSEngine
import KMSModel
import NIOCore
import NIOHTTPTypes

/// Rules of one stream of HTTP/2: those that ``ConnectionRules`` has for a connection of HTTP/1.1.
///
/// A stream is one request and its answer. When the client takes too long for its part of either, the stream is reset; its
/// connection goes on.
final class StreamRules: ChannelDuplexHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let timer = ConversationTimer()
    private let connection: HTTP2ConnectionRules
    private let isAdmitted: Bool
    private let mostFields: Int
    private let metrics: TransportMetrics
    private var body = BodyBuffer()
    /// The parts that come belong to a request that will be answered.
    private var isListening = true
    /// The request waits for leave to send its body.
    private var waits = false

    /// - Parameters:
    ///   - isAdmitted: Whether there is room for another stream; without, the request is answered with 503.
    ///   - metrics: Told of answers that are made here.
    init(under connection: HTTP2ConnectionRules, isAdmitted: Bool, mostFields: Int, metrics: TransportMetrics) {
        self.connection = connection
        self.isAdmitted = isAdmitted
        self.mostFields = mostFields
        self.metrics = metrics
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isListening else { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            _ = timer.conversation.begin()
            if let refusal = refusal(of: head) {
                isListening = false
                return answer(refusal, context)
            }
            waits = head.headerFields[values: .expect].contains { $0.isSame(asFolded: "100-continue") }
            // One host is signed, not the same one twice.
            if head.authority != nil { head.headerFields[.host] = nil }
            context.fireChannelRead(wrapInboundOut(.head(head)))
            if waits {
                waits = false
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        case .body(let part):
            guard connection.admit(part.readableBytes) else {
                isListening = false
                return
            }
            let (first, second) = body.add(part)
            pass(first, context)
            pass(second, context)
        case .end:
            pass(body.take(), context)
            timer.conversation.finish()
            context.fireChannelRead(data)
        }
    }

    private func pass(_ part: ByteBuffer?, _ context: ChannelHandlerContext) {
        if let part { context.fireChannelRead(wrapInboundOut(.body(part))) }
    }

    private func refusal(of head: HTTPRequest) -> HTTPResponse.Status? {
        // RFC 9113, section 8.3.1: it must not name another host than the one that the request is for.
        let hosts = head.headerFields[values: .host]
        if hosts.count > 1 { return .badRequest }
        if let host = hosts.first, let authority = head.authority, !host.isSame(asFolded: authority.foldingASCII) {
            return .badRequest
        }
        if head.headerFields.count > mostFields { return .requestHeaderFieldsTooLarge }
        return isAdmitted ? nil : .serviceUnavailable
    }

    private func answer(_ status: HTTPResponse.Status, _ context: ChannelHandlerContext) {
        var response = HTTPResponse(status: status)
        response.headerFields[.contentLength] = "0"
        response.headerFields[.amznRequestID] = RequestID.make()
        metrics.requestRefused(status.code)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        write(context: context, data: wrapOutboundOut(.end(nil)), promise: nil)
        context.flush()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard case .end = unwrapOutboundIn(data) else { return }
        timer.conversation.answer()
        timer.conversation.close()
        timer.settle()
    }

    // MARK: Time

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

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            timer.conversation.end(at: .now())
            timer.settle()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer.start(on: context.eventLoop) { context.close(promise: nil) }
        timer.settle()
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer.stop() }
}
