import Hummingbird
package import KMSEngine
package import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP server: an ``Endpoint`` on a socket.
package struct HTTPServer: Service {
    /// How long a connection may be silent before it is closed.
    private static let idleTimeout: TimeAmount = .seconds(75)
    /// The longest list of header fields that is read, in bytes: a presigned query and a session token fit.
    private static let largestHeaders = 64 * 1024

    private let application: Application<Endpoint>

    /// - Parameter onReady: Called with the port once the server answers.
    package init(
        engine: Engine, host: String, port: Int, logger: Logger, onReady: @escaping @Sendable (Int) async -> Void
    ) {
        var logger = logger
        // The framework logs each connection's troubles; who cares asks for them.
        if logger.logLevel > .debug { logger.logLevel = max(logger.logLevel, .notice) }
        application = Application(
            responder: Endpoint(engine: engine),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionRulesInstaller()],
                    idleTimeout: Self.idleTimeout,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: Self.largestHeaders, maxHeaderListSize: Self.largestHeaders,
                        maxHeaderFieldCount: 200
                    )
                )
            ),
            configuration: .init(address: .hostname(host, port: port), serverName: "Chatelaine"),
            onServerRunning: { channel in await onReady(channel.localAddress?.port ?? port) },
            eventLoopGroupProvider: .singleton,
            logger: logger
        )
    }

    /// Serves until the process is asked to end, and finishes the requests in flight.
    package func run() async throws {
        try await application.run()
    }
}
