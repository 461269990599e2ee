package import KMSStore
package import Logging
import ServiceLifecycle
import Synchronization

/// That this process is the node of its name among those that share a store.
///
/// It holds the lease `node/NAME`, which it renews for as long as it runs, and learns with each renewal how many nodes there
/// are. As a service it ends when another process has come to have the name.
package final class NodeMembership: Service {
    /// How the lease of a node's name begins.
    package static let prefix = "node/"

    /// How long things take; tests have less time.
    package struct Timing: Sendable {
        /// How long a lease lasts: so long the name of a node that was killed is not free.
        package var lease: Duration = .seconds(15)
        /// How often it is renewed.
        package var interval: Duration = .seconds(5)
        /// How long a node waits for its name, which it may have had itself before it was killed.
        package var patience: Duration = .seconds(20)
        /// How often it looks meanwhile.
        package var look: Duration = .milliseconds(500)

        package init() {}
    }

    /// Why a process is not, or no longer, the node of its name.
    package enum Failure: Error, Sendable {
        /// Another process has the name.
        case nameTaken(String)
        case store(StoreError)
    }

    /// The name.
    package let node: String
    /// By what the store tells this process from others.
    package let holder: String
    private let store: any SharedStore
    private let timing: Timing
    private let logger: Logger
    private let state: Mutex<State>
    private let (ends, end) = AsyncStream<Never>.makeStream()

    private struct State {
        /// What is held, and renewed.
        var leases: Set<String> = []
        var nodeCount = 1
        var onNodeCount: @Sendable (Int) -> Void = { _ in }
        var onRenewal: @Sendable (Int64) -> Void = { _ in }
        var renewal: Task<Void, Never>?
        var isFailing = false
        var failure: Failure?
    }

    private init(_ store: any SharedStore, _ node: String, _ timing: Timing, _ logger: Logger) {
        self.store = store
        self.node = node
        self.timing = timing
        self.logger = logger
        holder = "\(node) \(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
        state = Mutex(State(leases: [Self.prefix + node]))
    }

    /// Takes the name `node`, and holds it until ``leave()``.
    ///
    /// - Throws: ``Failure``.
    package static func join(
        _ store: any SharedStore, as node: String, timing: Timing = Timing(), logger: Logger
    ) async throws(Failure) -> NodeMembership {
        let membership = NodeMembership(store, node, timing, logger)
        let start = ContinuousClock.now
        var isTaken = false
        do throws(StoreError) {
            isTaken = try await store.claim(prefix + node, for: membership.holder, lasting: timing.lease)
            while !isTaken, ContinuousClock.now - start < timing.patience, !Task.isCancelled {
                try? await Task.sleep(for: timing.look)
                isTaken = try await store.claim(prefix + node, for: membership.holder, lasting: timing.lease)
            }
            if isTaken { try await membership.count() }
        } catch {
            throw .store(error)
        }
        guard isTaken else { throw .nameTaken(node) }
        let renewal = Task { await membership.renewUntilCancelled() }
        membership.state.withLock { $0.renewal = renewal }
        return membership
    }

    /// Gives the name up, and everything else that is held.
    package func leave() async {
        let (renewal, leases) = state.withLock { state in
            defer { (state.renewal, state.leases) = (nil, []) }
            return (state.renewal, state.leases)
        }
        renewal?.cancel()
        await renewal?.value
        // What cannot be given up ends by itself.
        for lease in leases { try? await store.release(lease, by: holder) }
    }

    /// Returns when the server is asked to end.
    ///
    /// - Throws: ``Failure/nameTaken(_:)`` as soon as another process has the name.
    package func run() async throws {
        for await _ in ends.cancelOnGracefulShutdown() {}
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    // MARK: Other nodes

    /// How many nodes there are, this one included, as of the last renewal.
    package var liveNodeCount: Int { state.withLock { $0.nodeCount } }

    /// How long after a renewal the next one begins.
    package var interval: Duration { timing.interval }

    /// Calls `onNodeCount` with the number of nodes, now and whenever it is another one, and `onRenewal` whenever the store has
    /// taken a renewal, with when that began, in nanoseconds of the monotonic clock.
    package func observe(
        onNodeCount: @escaping @Sendable (Int) -> Void, onRenewal: @escaping @Sendable (Int64) -> Void = { _ in }
    ) {
        let count = state.withLock { state in
            (state.onNodeCount, state.onRenewal) = (onNodeCount, onRenewal)
            return state.nodeCount
        }
        onNodeCount(count)
    }

    /// Whether there is no other node at this moment.
    ///
    /// - Throws: ``StoreError``.
    package func isAlone() async throws(StoreError) -> Bool {
        try await store.heldLeases(beginning: Self.prefix).allSatisfy { $0 == Self.prefix + node }
    }

    // MARK: Other leases

    /// Takes `lease`, which is then renewed as the name is, until it is given up.
    ///
    /// - Returns: Whether this node has it.
    /// - Throws: ``StoreError``.
    package func claim(_ lease: String) async throws(StoreError) -> Bool {
        guard try await store.claim(lease, for: holder, lasting: timing.lease) else { return false }
        state.withLock { _ = $0.leases.insert(lease) }
        return true
    }

    /// Gives up a lease that ``claim(_:)`` took.
    package func giveUp(_ lease: String) async {
        state.withLock { _ = $0.leases.remove(lease) }
        try? await store.release(lease, by: holder)
    }

    /// Whether somebody holds `lease`.
    ///
    /// - Throws: ``StoreError``.
    package func isHeld(_ lease: String) async throws(StoreError) -> Bool {
        try await store.heldLeases(beginning: lease).contains(lease)
    }

    // MARK: Renewal

    private func renewUntilCancelled() async {
        while true {
            do { try await Task.sleep(for: timing.interval) } catch { return }
            do throws(StoreError) {
                let began = MonotonicTime.nanoseconds()
                guard try await renew() else { return }
                state.withLock(\.onRenewal)(began)
                try await count()
                if setFailing(false) { logger.notice("The store is reached again: this node goes on under its name") }
            } catch {
                guard !setFailing(true) else { continue }
                logger.warning("The lease of this node was not renewed", metadata: ["reason": "\(error)"])
            }
        }
    }

    /// Renews what is held; answers whether the name is still this process's.
    private func renew() async throws(StoreError) -> Bool {
        let name = Self.prefix + node
        for lease in state.withLock({ $0.leases }) {
            guard try await !store.claim(lease, for: holder, lasting: timing.lease) else { continue }
            guard lease == name else {
                logger.error("A lease is another node's by now", metadata: ["lease": "\(lease)"])
                state.withLock { _ = $0.leases.remove(lease) }
                continue
            }
            logger.critical("Another process runs as this node", metadata: ["node": "\(node)"])
            state.withLock {
                $0.failure = .nameTaken(node)
                $0.leases.remove(name)
            }
            end.finish()
            return false
        }
        return true
    }

    private func count() async throws(StoreError) {
        let count = max(1, try await store.heldLeases(beginning: Self.prefix).count)
        let changed = state.withLock { state -> (@Sendable (Int) -> Void)? in
            guard state.nodeCount != count else { return nil }
            state.nodeCount = count
            return state.onNodeCount
        }
        changed?(count)
    }

    /// - Returns: What was so before.
    private func setFailing(_ isFailing: Bool) -> Bool {
        state.withLock { state in
            defer { state.isFailing = isFailing }
            return state.isFailing
        }
    }
}
