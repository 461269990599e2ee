import Hummingbird
import HummingbirdCore
package import KMSEngine
package import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP server: an ``Endpoint`` on a socket.
package struct HTTPServer: Service {
    /// What answers say of who made them.
    static let name = "Chatelaine"
    /// The most connections at a time, however many descriptors there are: what each costs in memory, about 20 KB, is
    /// then bounded too.
    private static let mostConnections = 16_384
    /// Descriptors that are left for the store, the audit log and the program itself; of few, half.
    private static let otherDescriptors = 128
    /// The longest list of header fields that is read, in bytes: a presigned query and a session token fit.
    private static let largestHeaders = 64 * 1024
    /// The most fields of one request.
    private static let mostFields = 200

    /// What an operator decides about a server.
    package struct Configuration: Sendable {
        /// Where it listens.
        package var host: String
        /// Zero for any that is free.
        package var port: Int
        /// How many descriptors the process may have open; most of them are for connections.
        package var descriptors: Int
        /// What TLS is spoken with; nil for HTTP alone.
        package var certificates: Certificates?
        /// Whose word counts on where a request came from.
        package var proxies: TrustedProxies

        package init(
            host: String, port: Int, descriptors: Int, certificates: Certificates? = nil,
            proxies: TrustedProxies = .none
        ) {
            self.host = host
            self.port = port
            self.descriptors = descriptors
            self.certificates = certificates
            self.proxies = proxies
        }
    }

    private let application: Application<Endpoint>
    private let endpoint: Endpoint

    /// - Parameters:
    ///   - engine: What answers; nil while there is no root key to answer with, and everything is answered so.
    ///   - onReady: Called with the port once the server answers.
    /// - Throws: As ``Endpoint/init(engine:metrics:proxies:logger:)``.
    package init(
        engine: Engine?, metrics: Metrics, _ configuration: Configuration, logger: Logger,
        onReady: @escaping @Sendable (Int) async -> Void
    ) throws {
        let endpoint = try Endpoint(
            engine: engine, metrics: metrics.transport, proxies: configuration.proxies, logger: logger)
        self.endpoint = endpoint
        let frameworkLogger = Self.frameworkLogger(logger)
        application = Application(
            responder: endpoint,
            server: HTTPServerBuilder { responder in
                ConnectionSetup(
                    responder, endpoint, configuration: Self.http1(metrics: metrics.transport),
                    certificates: configuration.certificates,
                    metrics: metrics.transport)
            },
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port), serverName: Self.name,
                availableConnectionsDelegate: ConnectionLimit(
                    Self.connections(among: configuration.descriptors), logger: frameworkLogger)
            ),
            onServerRunning: { channel in
                await Self.pauseAcceptingAfterFailures(of: channel, frameworkLogger)
                await onReady(channel.localAddress?.port ?? configuration.port)
            },
            eventLoopGroupProvider: .singleton,
            logger: frameworkLogger
        )
    }

    /// The framework logs each connection's troubles; who cares asks for them.
    static func frameworkLogger(_ logger: Logger) -> Logger {
        var logger = logger
        if logger.logLevel > .debug { logger.logLevel = max(logger.logLevel, .notice) }
        return logger
    }

    /// What is read of a request of HTTP/1.1.
    ///
    /// - Parameters:
    ///   - metrics: Told of answers that are made below the endpoint.
    ///   - conversation: That of a connection which was just opened.
    static func http1(
        metrics: TransportMetrics?,
        conversation: @escaping @Sendable () -> Conversation = { Conversation(at: .now()) }
    ) -> HTTP1Channel.Configuration {
        .init(
            additionalChannelHandlers: [
                ConnectionRulesInstaller(ConnectionRules(conversation(), metrics: metrics))
            ],
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: largestHeaders, maxHeaderListSize: largestHeaders, maxHeaderFieldCount: mostFields
            )
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
        do {
            try await application.run()
        } catch {
            await endpoint.finish()
            throw error
        }
        await endpoint.finish()
    }
}
