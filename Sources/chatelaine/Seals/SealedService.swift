import Foundation
import KMSCrypto
import KMSEngine
import KMSServer
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// A server that has no root key yet: it answers that it is sealed, and waits for key shares.
struct SealedService {
    let sealed: SealedDirectory
    let scheme: ShareScheme
    let transport: Transport
    let metrics: Metrics
    let liveness: Liveness
    let logger: Logger
    /// Opens the directory once the root key is had.
    let open: @Sendable (OpenedSeal) async throws -> DataDirectory

    /// What share holders have opened, and where the server then goes on.
    struct Unsealed {
        let directory: DataDirectory
        let transport: Transport
    }

    /// Waits until the directory is open.
    ///
    /// - Returns: nil when the process was asked to end before.
    /// - Throws: ``CommandFailure``.
    func run() async throws -> Unsealed? {
        let wait = UnsealWait(on: transport, liveness)
        let unsealing = Unsealing(scheme) { [open, path = sealed.files.documentPath] shares in
            let seal = try CommandFailure.explaining { () throws(SealFailure) in
                try OpenedSeal(DocumentSeal(at: path, with: .shares(shares)))
            }
            wait.end(with: try await open(seal))
        }
        metrics.phase = .sealed
        let companions = transport.companions(watching: Monitoring(metrics), logger: logger)
        let server = try HTTPServer(
            engine: nil, metrics: metrics, transport.configuration, logger: logger
        ) { [transport, scheme, liveness] port in
            wait.isListening(on: port)
            guard await companions.areReady() else { return }
            // Whoever started it need not wait for people.
            liveness.isReady("sealed")
            announce("sealed, listening on \(transport.url(port: port)): \(scheme.threshold) key shares are needed")
        }
        let control = try await ControlSocket(in: sealed.path, unsealing.commands, logger: logger)
        let group = ServiceGroup(
            companions.services + [server, control], until: wait, endingAt: [.sigterm, .sigint], logger: logger)
        do {
            try await group.run()
        } catch {
            throw transport.failure(error)
        }
        return await wait.outcome
    }
}

/// Waits for the directory to be open, or for the process to be asked to end.
private final class UnsealWait: Service {
    private struct State {
        var transport: Transport
        var directory: DataDirectory?
        var isAskedToEnd = false
    }

    private let liveness: Liveness
    private let state: Mutex<State>
    private let (ends, end) = AsyncStream<Never>.makeStream()

    init(on transport: Transport, _ liveness: Liveness) {
        self.liveness = liveness
        state = Mutex(State(transport: transport))
    }

    func isListening(on port: Int) {
        state.withLock { $0.transport.address = $0.transport.address.bound(to: port) }
    }

    func end(with directory: DataDirectory) {
        state.withLock { $0.directory = directory }
        end.finish()
    }

    func run() async throws {
        for await _ in ends.cancelOnGracefulShutdown() {}
        guard Task.isShuttingDownGracefully else { return }
        state.withLock { $0.isAskedToEnd = true }
        liveness.isEnding()
    }

    /// What to go on with; a directory that was opened too late is closed again.
    var outcome: SealedService.Unsealed? {
        get async {
            let state = state.withLock { $0 }
            guard let directory = state.directory else { return nil }
            guard !state.isAskedToEnd else {
                await directory.close()
                return nil
            }
            return SealedService.Unsealed(directory: directory, transport: state.transport)
        }
    }
}
