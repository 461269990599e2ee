import Hummingbird
package import KMSEngine
package import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP server: an ``Endpoint`` on a socket.
package struct HTTPServer: Service {
    /// The most connections at a time, however many descriptors there are: what each costs in memory, about 20 KB, is
    /// then bounded too.
    private static let mostConnections = 16_384
    /// Descriptors that are left for the store, the audit log and the program itself; of few, half.
    private static let otherDescriptors = 128
    /// The longest list of header fields that is read, in bytes: a presigned query and a session token fit.
    private static let largestHeaders = 64 * 1024

    private let application: Application<Endpoint>

    /// - Parameters:
    ///   - engine: What answers; nil while there is no root key to answer with, and everything is answered so.
    ///   - descriptors: How many descriptors the process may have open; most of them are for connections.
    ///   - onReady: Called with the port once the server answers.
    /// - Throws: As ``Endpoint/init(engine:)``.
    package init(
        engine: Engine?, host: String, port: Int, descriptors: Int, logger: Logger,
        onReady: @escaping @Sendable (Int) async -> Void
    ) throws {
        var logger = logger
        // The framework logs each connection's troubles; who cares asks for them.
        if logger.logLevel > .debug { logger.logLevel = max(logger.logLevel, .notice) }
        application = try Application(
            responder: Endpoint(engine: engine),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionRulesInstaller()],
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: Self.largestHeaders, maxHeaderListSize: Self.largestHeaders,
                        maxHeaderFieldCount: 200
                    )
                )
            ),
            configuration: .init(
                address: .hostname(host, port: port), serverName: "Chatelaine",
                availableConnectionsDelegate: ConnectionLimit(Self.connections(among: descriptors), logger: logger)
            ),
            onServerRunning: { [logger] channel in
                await Self.pauseAcceptingAfterFailures(of: channel, logger)
                await onReady(channel.localAddress?.port ?? port)
            },
            eventLoopGroupProvider: .singleton,
            logger: logger
        )
    }

    private static func connections(among descriptors: Int) -> Int {
        min(mostConnections, descriptors - min(otherDescriptors, descriptors / 2))
    }

    private static func pauseAcceptingAfterFailures(of channel: any Channel, _ logger: Logger) async {
        do {
            try await channel.eventLoop.submit {
                try channel.pipeline.syncOperations.addHandler(AcceptPause(), position: .first)
            }.get()
        } catch {
            // The channel is closed already.
            logger.debug("Accepting connections will not pause", metadata: ["reason": "\(error)"])
        }
    }

    /// Serves until the process is asked to end, and finishes the requests in flight.
    ///
    /// Clients get ``Conversation/patienceAtTheEnd`` for their part.
    package func run() async throws {
        try await application.run()
    }
}
