import NIOCore
import NIOHTTP2

/// Rules of a connection of HTTP/2: one on which nothing is asked is closed, and so is one that does not read or sends bodies
/// in crumbs; a server that ends lets the requests in flight finish.
///
/// What one request may take is for ``StreamRules`` to say. Floods of resets, settings, pings, empty frames and
/// continuations are cut off by NIO, as ``HTTP2Connection`` sets it up.
///
/// Source: RFC 9113, section 6.8 (GOAWAY).
final class HTTP2ConnectionRules: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = HTTP2Frame
    typealias OutboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let timer = ConversationTimer()
    private var context: ChannelHandlerContext?
    private var newest = HTTP2StreamID.rootStream
    private var streams: [HTTP2StreamID: any Channel] = [:]
    private var isEnding = false
    private var parts = BodyParts()

    /// How many streams are open.
    var streamCount: Int { streams.count }

    /// A stream was opened; answers whether it will be answered.
    func begin(_ id: HTTP2StreamID, _ stream: any Channel) -> Bool {
        guard timer.conversation.begin() else { return false }
        timer.conversation.finish()
        parts.begin()
        newest = max(newest, id)
        streams[id] = stream
        timer.settle()
        return true
    }

    /// A stream that was begun is closed.
    func end(_ id: HTTP2StreamID) {
        streams[id] = nil
        timer.conversation.answer()
        timer.settle()
        closeWhenDone()
    }

    /// A part of a body came on a stream; answers whether the connection goes on.
    func admit(_ byteCount: Int) -> Bool {
        if parts.admit(byteCount) { return true }
        if let context {
            sayGoodbye(context, .enhanceYourCalm)
            context.close(promise: nil)
        }
        return false
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer.start(on: context.eventLoop) { [weak self] in self?.leave(context) }
        timer.settle()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer.stop()
        self.context = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        timer.conversation.read(context.channel.isWritable)
        timer.settle()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent || (event as? ChannelEvent) == .inputClosed, !isEnding {
            isEnding = true
            timer.conversation.end(at: .now())
            timer.settle()
            sayGoodbye(context)
            for stream in streams.values {
                stream.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            }
            closeWhenDone()
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// NIO has told the client by then what it did wrong.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }

    /// Closes a connection whose client has used up its time.
    private func leave(_ context: ChannelHandlerContext) {
        if !isEnding { sayGoodbye(context) }
        context.close(promise: nil)
    }

    private func closeWhenDone() {
        if isEnding, timer.conversation.unanswered == 0 { context?.close(promise: nil) }
    }

    private func sayGoodbye(_ context: ChannelHandlerContext, _ code: HTTP2ErrorCode = .noError) {
        let payload = HTTP2Frame.FramePayload.goAway(lastStreamID: newest, errorCode: code, opaqueData: nil)
        context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: payload)), promise: nil)
    }
}
