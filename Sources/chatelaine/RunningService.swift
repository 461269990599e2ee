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
    let address: ListenAddress
    let logger: Logger
    /// Called with the service's URL once it answers.
    let announce: @Sendable (String) async -> Void

    /// Serves until the process is asked to end, finishes the requests that are in flight, and closes the directory.
    func runUntilSignal() async throws {
        let group = ServiceGroup(services: [self], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        do {
            try await group.run()
        } catch {
            await data.close()
            throw CommandFailure.operation("cannot serve on \(address.host):\(address.port): \(error)")
        }
        await data.close()
    }

    /// Does what is overdue, then serves.
    func run() async throws {
        await doWhatIsOverdue()
        guard !Task.isShuttingDownGracefully else { return }
        let server = try HTTPServer(
            engine: data.engine, host: address.host, port: address.port, descriptors: DescriptorLimit.raise(),
            logger: logger
        ) { [address, announce] port in
            await announce(address.url(port: port))
        }
        let control = try await ControlSocket(
            in: data.path, [data.rotateRootCommand, .auditVerification(of: data.engine)], logger: logger)
        let rotation = RootRotationService(data: data, logger: logger)
        try await ServiceGroup(
            services: [data.engine.housekeeping, rotation, control, server], logger: logger
        ).run()
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

/// Writes one line to standard output at once, also when that is a pipe.
func announce(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}
