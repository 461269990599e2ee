import HTTPTypes
import KMSEngine
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
    private let isAdmitted: Bool
    private let mostFields: Int
    /// The parts that come belong to a request that will be answered.
    private var isListening = true
    /// The request waits for leave to send its body.
    private var waits = false

    /// - Parameter isAdmitted: Whether there is room for another stream; without, the request is answered with 503.
    init(isAdmitted: Bool, mostFields: Int) {
        self.isAdmitted = isAdmitted
        self.mostFields = mostFields
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isListening else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            _ = timer.conversation.begin()
            if let refusal = refusal(of: head) {
                isListening = false
                return answer(refusal, context)
            }
            waits = head.headerFields[values: .expect].contains { $0.lowercased() == "100-continue" }
            context.fireChannelRead(data)
            if waits {
                waits = false
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        case .body: context.fireChannelRead(data)
        case .end:
            timer.conversation.finish()
            context.fireChannelRead(data)
        }
    }

    private func refusal(of head: HTTPRequest) -> HTTPResponse.Status? {
        if head.headerFields.count > mostFields { return .requestHeaderFieldsTooLarge }
        return isAdmitted ? nil : .serviceUnavailable
    }

    private func answer(_ status: HTTPResponse.Status, _ context: ChannelHandlerContext) {
        var response = HTTPResponse(status: status)
        response.headerFields[.contentLength] = "0"
        response.headerFields[.amznRequestID] = RequestID.make()
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
