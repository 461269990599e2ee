import NIOCore
import NIOPosix
import Synchronization

/// Tells the service manager when clients are answered, from then on that the server lives for as long as every event loop
/// answers, and when it begins to end.
///
/// There is one for the whole process: a server that waits for its root key lives too, and so does one that opens its store
/// with it or does what was due. Whoever says nothing in any of these is killed.
final class Liveness: Sendable {
    private enum State {
        case starting
        /// Nil when the manager does not ask for signs of life.
        case answering(Task<Void, Never>?)
        case ending
    }

    private let manager: ServiceManager?
    private let state = Mutex(State.starting)

    /// - Parameter manager: Nil when nobody wants to know.
    init(_ manager: ServiceManager?) { self.manager = manager }

    /// Clients are answered, for the first time or in another way than before.
    func isReady(_ status: String) {
        guard let manager else { return }
        state.withLock { state in
            if case .ending = state { return }
            manager.tell(.ready(status: status))
            guard case .starting = state else { return }
            state = .answering(
                manager.patience.map { patience in Task { await tellRegularly(manager, within: patience) } })
        }
    }

    /// The server was asked to end; nothing is told after this.
    func isEnding() {
        state.withLock { state in
            if case .ending = state { return }
            if case .answering(let task) = state { task?.cancel() }
            state = .ending
            manager?.tell(.stopping)
        }
    }

    /// Returns when it is cancelled, and when an event loop is gone.
    private func tellRegularly(_ manager: ServiceManager, within patience: Duration) async {
        do {
            while true {
                for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() {
                    try await loop.submit {}.get()
                }
                tellIfAnswering(manager)
                // As sd_watchdog_enabled(3) advises.
                try await Task.sleep(for: patience / 2)
            }
        } catch {
            // The end, of this or of the process.
        }
    }

    private func tellIfAnswering(_ manager: ServiceManager) {
        state.withLock { state in
            if case .answering = state { manager.tell(.alive) }
        }
    }
}
