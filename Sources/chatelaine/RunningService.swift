import Foundation
import KMSCrypto
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
    let liveness: Liveness
    let logger: Logger
    /// Called with the service's URL once it answers.
    let announce: @Sendable (String) async -> Void
    private let companions: Companions

    init(
        data: DataDirectory, transport: Transport, liveness: Liveness, logger: Logger,
        announce: @escaping @Sendable (String) async -> Void
    ) {
        self.data = data
        self.transport = transport
        self.liveness = liveness
        self.logger = logger
        self.announce = announce
        companions = transport.companions(watching: data.engine.monitoring, logger: logger)
    }

    /// Serves until the process is asked to end, finishes the requests that are in flight, and closes the directory.
    func runUntilSignal() async throws {
        // In this order, so that the server ends before those who tell how it is.
        let services = companions.services + [self]
        let group = ServiceGroup(services, endingAt: [.sigterm, .sigint], logger: logger)
        do {
            try await group.run()
        } catch {
            await data.close()
            throw transport.failure(error)
        }
        await data.close()
    }

    /// Does what is overdue, then serves.
    func run() async throws {
        try await withGracefulShutdownHandler {
            data.engine.metrics.phase = .starting
            warnOfUnlockedMemory()
            await doWhatIsOverdue()
            guard !Task.isShuttingDownGracefully else { return }
            try await data.beginServing()
            let server = try HTTPServer(
                engine: data.engine, metrics: data.engine.metrics, transport.configuration, logger: logger
            ) { port in
                guard await companions.areReady() else { return }
                data.engine.metrics.phase = .serving
                let url = transport.url(port: port)
                await announce(url)
                liveness.isReady("listening on \(url)")
            }
            let control = try await ControlSocket(
                in: data.path,
                StatusCommand.commands(data.seal.kind) + [
                    data.rotateRootCommand, data.backupCommand, data.verifyCommand,
                    .auditVerification(of: data.engine),
                ],
                logger: logger)
            let rotation = RootRotationService(data: data, logger: logger)
            // The last is the first to hear of the end.
            let services: [any Service] = [data.engine.housekeeping, rotation, control, server]
            // The node has its name until all is over, and ends when it has lost it.
            let name: [any Service] = data.membership.map { [$0] } ?? []
            let follower: [any Service] = data.engine.follower.map { [$0] } ?? []
            try await ServiceGroup(name + follower + services, logger: logger).run()
        } onGracefulShutdown: {
            data.engine.metrics.phase = .ending
            liveness.isEnding()
            data.engine.endWaiting()
        }
    }

    private func warnOfUnlockedMemory() {
        guard !data.engine.isKeyMemoryLocked else { return }
        logger.warning(
            "The memory of keys is not locked, so it may be swapped to disk: the limit of locked memory is too low",
            metadata: [
                "limit": "\(ResourceLimit.lockedMemory.raise()) bytes (ulimit -Hl, LimitMEMLOCK= of systemd)",
                "needed": "\(ServingProcess.lockedMemory) bytes",
            ]
        )
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

/// Takes files anew when SIGHUP comes.
struct ReloadOnHangUp: Service {
    let reload: @Sendable () async -> Void

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await reload()
        }
    }
}
