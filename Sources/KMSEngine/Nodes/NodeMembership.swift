package import KMSStore
package import Logging
import ServiceLifecycle
import Synchronization

/// That this process is the node of its name among those that share a store.
///
/// It holds the lease `node/NAME`, which it renews for as long as it runs, and learns with each renewal how many nodes serve.
/// As a service it ends when another process has come to have the name.
package final class NodeMembership: Service {
    /// How the lease of a node's name begins.
    package static let prefix = "node/"
    /// How the lease begins that a node has beside its name while it serves, as commands do not.
    package static let servingPrefix = "serving/"

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

    fileprivate struct State {
        /// What is held, and renewed, and when the claim began that the store took last.
        var leases: [String: ContinuousClock.Instant] = [:]
        /// Whether something was not held for a while, or may not have been.
        var hasLapsed = false
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
        state = Mutex(State())
    }

    /// Takes the name `node`, and holds it until ``leave()``.
    ///
    /// - Throws: ``Failure``.
    package static func join(
        _ store: any SharedStore, as node: String, timing: Timing = Timing(), logger: Logger
    ) async throws(Failure) -> NodeMembership {
        let membership = NodeMembership(store, node, timing, logger)
        try await membership.claimPatiently(prefix + node)
        do throws(StoreError) { try await membership.count() } catch { throw .store(error) }
        let renewal = Task { await membership.renewUntilCancelled() }
        membership.state.withLock { $0.renewal = renewal }
        return membership
    }

    /// Says that this node serves, until ``leave()``: from now on it has a part of what accounts may ask.
    ///
    /// - Throws: ``Failure``.
    package func beginServing() async throws(Failure) {
        // Who had the name before and was killed may have renewed this a little later than the name.
        try await claimPatiently(Self.servingPrefix + node)
        do throws(StoreError) { try await count() } catch { throw .store(error) }
    }

    /// Takes a lease that nobody else is to have, as soon as a process of this name that is gone has it no longer.
    private func claimPatiently(_ lease: String) async throws(Failure) {
        let start = ContinuousClock.now
        do throws(StoreError) {
            while try await !claim(lease) {
                guard ContinuousClock.now - start < timing.patience, !Task.isCancelled else {
                    throw StoreError.conflict
                }
                try? await Task.sleep(for: timing.look)
            }
        } catch {
            throw error.isConflict ? .nameTaken(node) : .store(error)
        }
    }

    /// Gives the name up, and everything else that is held.
    package func leave() async {
        let (renewal, leases) = state.withLock { state in
            defer { (state.renewal, state.leases) = (nil, [:]) }
            return (state.renewal, state.leases.keys)
        }
        renewal?.cancel()
        await renewal?.value
        // What cannot be given up ends by itself. The name comes last: who takes it then finds the rest free.
        let name = Self.prefix + node
        for lease in leases.filter({ $0 != name }) + leases.filter({ $0 == name }) {
            try? await store.release(lease, by: holder)
        }
    }

    /// Returns when the server is asked to end.
    ///
    /// - Throws: ``Failure/nameTaken(_:)`` as soon as another process has the name.
    package func run() async throws {
        for await _ in ends.cancelOnGracefulShutdown() {}
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    // MARK: Other nodes

    /// How many nodes serve, as of the last renewal; one at the least.
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

    /// Whether there is no other node at this moment, whether it serves or not.
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
        let began = ContinuousClock.now
        guard try await store.claim(lease, for: holder, lasting: timing.lease) else { return false }
        state.withLock { $0.note(lease, claimedAt: began, lasting: timing.lease) }
        return true
    }

    /// Renews everything that is held, and answers whether all of it was this process's without a break since it was taken.
    ///
    /// A process that was stopped for longer than a lease lasts has had none meanwhile, although the next claim is granted.
    ///
    /// - Throws: ``StoreError``.
    package func holdsAllSinceTaken() async throws(StoreError) -> Bool {
        let isRenewed = try await renew()
        return isRenewed && !state.withLock(\.hasLapsed)
    }

    /// Gives up a lease that ``claim(_:)`` took.
    package func giveUp(_ lease: String) async {
        state.withLock { $0.leases[lease] = nil }
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
            // Until it succeeds again nobody knows whether the store takes changes, so soon.
            let pause = state.withLock(\.isFailing) ? timing.look : timing.interval
            do { try await Task.sleep(for: pause) } catch { return }
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
        for lease in state.withLock({ $0.leases.keys.sorted() }) {
            let began = ContinuousClock.now
            if try await store.claim(lease, for: holder, lasting: timing.lease) {
                state.withLock { state in
                    guard state.leases[lease] != nil else { return }
                    state.note(lease, claimedAt: began, lasting: timing.lease)
                }
                continue
            }
            state.withLock { ($0.leases[lease], $0.hasLapsed) = (nil, true) }
            guard lease == name else {
                logger.error("A lease is another node's by now", metadata: ["lease": "\(lease)"])
                continue
            }
            logger.critical("Another process runs as this node", metadata: ["node": "\(node)"])
            state.withLock { $0.failure = .nameTaken(node) }
            end.finish()
            return false
        }
        return true
    }

    private func count() async throws(StoreError) {
        let count = max(1, try await store.heldLeases(beginning: Self.servingPrefix).count)
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

extension NodeMembership.State {
    /// Takes down that the store has just granted a claim that began at `began`.
    ///
    /// The claim before lasts, by the store's clock, at least until its own beginning is so long ago.
    fileprivate mutating func note(
        _ lease: String, claimedAt began: ContinuousClock.Instant, lasting duration: Duration
    ) {
        if let last = leases[lease], ContinuousClock.now - last >= duration { hasLapsed = true }
        leases[lease] = began
    }
}
