import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import Logging
import ServiceLifecycle

/// The plugin on its socket, from its first answer to its graceful end.
package struct KubernetesPlugin: Service {
    /// Kubernetes sends 33 KiB at the most: annotations and a little more.
    private static let largestRequest = 64 * 1024
    /// Calls of one connection that may wait for answers.
    private static let mostCalls = 100

    private let management: KeyManagement
    private let socket: PluginSocket
    private let server: GRPCServer<HTTP2ServerTransport.Posix>
    private let logger: Logger
    private let onReady: @Sendable () -> Void

    /// Listens on the socket; answers are given by ``run()``.
    ///
    /// - Parameters:
    ///   - socketPath: Where the API server connects to.
    ///   - onReady: Called when answers are given from now on.
    /// - Throws: ``PluginFailure`` when it cannot listen there.
    package init(
        _ management: KeyManagement, socketPath: String, logger: Logger, onReady: @escaping @Sendable () -> Void
    ) async throws(PluginFailure) {
        self.management = management
        self.logger = logger
        self.onReady = onReady
        socket = try await PluginSocket(path: socketPath)
        var configuration = HTTP2ServerTransport.Posix.Config.defaults
        configuration.rpc.maxRequestPayloadSize = Self.largestRequest
        configuration.http2.maxConcurrentStreams = Self.mostCalls
        server = GRPCServer(
            transport: .http2NIOPosix(
                listeningSocketDescriptor: Int(socket.descriptor), transportSecurity: .plaintext, config: configuration),
            services: [KubernetesService(management: management, logger: logger)])
    }

    /// Answers until the process is asked to end, and finishes the calls that are in flight.
    package func run() async throws {
        do {
            try await answer()
        } catch {
            await removeSocket()
            throw error
        }
        await removeSocket()
    }

    private func answer() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await serve() }
                // The log says at once whether the key works, and the first answer does not wait for it.
                group.addTask { _ = await management.status() }
                onReady()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }

    private func removeSocket() async {
        do throws(PluginFailure) {
            try await socket.remove()
        } catch {
            logger.warning("The socket is left behind", metadata: ["reason": "\(error.message)"])
        }
    }

    private func serve() async throws {
        do {
            try await server.serve()
        } catch let error as RuntimeError where error.code == .serverIsStopped {
            // It was asked to end before it began.
        }
    }
}
