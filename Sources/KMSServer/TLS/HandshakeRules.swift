import KMSEngine
import NIOCore

/// Rules of a connection until TLS is agreed on: whoever does not finish the handshake in time is closed, and so is
/// everybody in the middle of one when the server ends.
///
/// It stands before TLS, so that it closes the connection without waiting for the client once more, and sees what the server
/// itself says of the agreement (``ServerFlight``).
final class HandshakeRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    /// How long a client may take for the handshake.
    static let limit: TimeAmount = .seconds(10)

    private(set) var flight = ServerFlight()
    private var end: Scheduled<Void>?

    func handlerAdded(context: ChannelHandlerContext) {
        end = context.eventLoop.assumeIsolated().scheduleTask(in: Self.limit) { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end?.cancel() }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if !flight.isOver { flight.read(unwrapOutboundIn(data).readableBytesView) }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}
