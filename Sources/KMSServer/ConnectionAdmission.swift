import HummingbirdCore
import Logging
import NIOCore

/// Says when there are as many connections as there may be.
struct ConnectionLimit: AvailableConnectionsDelegate {
    let limit: Int
    let logger: Logger
    private var open = 0
    /// So that a crowd that comes and goes at the limit does not fill the log.
    private var hasWarned = false

    init(_ limit: Int, logger: Logger) {
        self.limit = limit
        self.logger = logger
    }

    mutating func connectionOpened() {
        open += 1
        guard open == limit, !hasWarned else { return }
        hasWarned = true
        logger.warning("No more connections are accepted until some are closed", metadata: ["open": "\(limit)"])
    }

    mutating func connectionClosed() {
        open -= 1
        if open < limit / 2 { hasWarned = false }
    }

    func isAcceptingNewConnections() -> Bool { open < limit }
}

/// Makes a listening socket rest after it could not accept a connection.
///
/// The system tells again and again that a connection waits, also when there is no descriptor to accept it with. NIO's
/// own back-off does not ask for more connections, but goes on listening to the system: it turns idly.
final class AcceptPause: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    /// Long enough to cost nothing, short enough for a client that waits.
    private static let pause: TimeAmount = .milliseconds(200)

    private var isPausing = false

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is IOError, !isPausing {
            isPausing = true
            listen(false, context)
            context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
                self.isPausing = false
                self.listen(true, context)
            }
        }
        context.fireErrorCaught(error)
    }

    func read(context: ChannelHandlerContext) {
        if !isPausing { context.read() }
    }

    private func listen(_ isListening: Bool, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        do {
            try context.channel.syncOptions?.setOption(.autoRead, value: isListening)
        } catch {
            context.fireErrorCaught(error)
        }
    }
}
