import Foundation
import KMSEngine
import KMSServer
import Logging
import ServiceLifecycle
import UnixSignals

/// A server over an open data directory, from its first answer to its graceful end.
struct RunningService: Service {
    /// How long overdue work may take before the log says why nothing is answered yet.
    private static let silence: Duration = .seconds(1)

    let data: DataDirectory
    let transport: Transport
    let logger: Logger
    /// Called with the service's URL once it answers.
    let announce: @Sendable (String) async -> Void

    /// Serves until the process is asked to end, finishes the requests that are in flight, and closes the directory.
    func runUntilSignal() async throws {
        // In this order, so that the server ends before those who tell how it is.
        let services: [any Service] = [monitor, transport.certificates, hangUp].compactMap(\.self) + [self]
        let group = ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        do {
            try await group.run()
        } catch {
            await data.close()
            throw CommandFailure.operation(
                "cannot serve on \(transport.address.host):\(transport.address.port)\(monitorText): \(error)")
        }
        await data.close()
    }

    private var monitorText: String {
        transport.monitor.map { " and watch on \($0.host):\($0.port)" } ?? ""
    }

    private var monitor: (any Service)? {
        transport.monitor.map { address in
            MonitorServer(
                data.engine.monitoring, version: Chatelaine.version, host: address.host,
                port: address.port, logger: logger
            ) { [logger] port in
                logger.notice(
                    "Health and metrics are shown", metadata: ["url": "\(address.url(port: port, isSecure: false))"])
            }
        }
    }

    private var hangUp: (any Service)? { transport.certificates.map(ReloadOnHangUp.init) }

    /// Does what is overdue, then serves.
    func run() async throws {
        try await withGracefulShutdownHandler {
            await doWhatIsOverdue()
            guard !Task.isShuttingDownGracefully else { return }
            let configuration = HTTPServer.Configuration(
                host: transport.address.host, port: transport.address.port, descriptors: DescriptorLimit.raise(),
                certificates: transport.certificates, proxies: transport.proxies)
            let server = try HTTPServer(engine: data.engine, configuration, logger: logger) { port in
                data.engine.metrics.phase = .serving
                await announce(transport.url(port: port))
            }
            let control = try await ControlSocket(
                in: data.path, [data.rotateRootCommand, .auditVerification(of: data.engine)], logger: logger)
            let rotation = RootRotationService(data: data, logger: logger)
            try await ServiceGroup(
                services: [data.engine.housekeeping, rotation, control, server], logger: logger
            ).run()
        } onGracefulShutdown: {
            data.engine.metrics.phase = .ending
        }
    }

    private func doWhatIsOverdue() async {
        let notice = Task { [logger] in
            try await Task.sleep(for: Self.silence)
            logger.notice("Doing work that was due while the server was off, before it listens")
        }
        await data.engine.housekeeping.doWhatIsDue()
        notice.cancel()
    }
}

/// Takes the TLS files anew when SIGHUP comes.
struct ReloadOnHangUp: Service {
    let certificates: Certificates

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await certificates.reload()
        }
    }
}

/// Writes one line to standard output at once, also when that is a pipe.
func announce(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}
