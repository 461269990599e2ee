import Foundation
import KMSIdentity
import KMSModel
import KMSStore
import Logging
import ServiceLifecycle

/// Learns what other nodes changed, and has it read again.
///
/// It reads the change feed ten times in a second. What it brings is applied before the next reading, so how long ago the
/// last one began is how old anything in memory can be (``StoreContact``).
package struct FeedFollower: Service {
    /// How long to wait between two readings.
    private static let interval = Duration.milliseconds(100)
    /// How long to wait between two countings of all keys at the least.
    private static let countingInterval = Duration.seconds(60)
    /// To how many times as long as the last counting took, for it takes seconds where there are millions of keys.
    private static let countingShare = 20

    let shared: SharedState
    let directory: KeyDirectory
    let identities: IdentityDirectory
    let capacity: Int
    let position: FeedPosition
    let logger: Logger

    private var store: ReachedStore { shared.store }
    private var residency: Residency { shared.residency }

    /// Follows the feed until the server shuts down.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await warmUp() }
                group.addTask { await follow() }
                group.addTask { await tick() }
                group.addTask { await count() }
                await group.waitForAll()
            }
        }
    }

    private func follow() async {
        var position = position
        var isReached = true
        while !Task.isCancelled {
            do throws(StoreError) {
                position = try await catchUp(from: position)
                if !isReached { logger.notice("The store answers again") }
                isReached = true
            } catch {
                if isReached { logger.error("The store does not answer", metadata: ["reason": "\(error)"]) }
                isReached = false
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func tick() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: StoreContact.tickLength)
            shared.contact.tick()
        }
    }

    /// Reads and applies what is new.
    private func catchUp(from position: FeedPosition) async throws(StoreError) -> FeedPosition {
        let began = MonotonicTime.nanoseconds()
        let news = try await store.changes(after: position)
        if let records = news.records {
            try await apply(records)
        } else {
            try await applyAnything()
        }
        shared.contact.note(began)
        return news.position
    }

    /// Reads again what is in memory of these records.
    private func apply(_ records: [ChangedRecord]) async throws(StoreError) {
        guard !records.isEmpty else { return }
        for case .account(let id) in records { try await publish(id) }
        // Whoever is reading a key that one of the aliases belongs to may have begun before.
        let hasAliases = records.contains { if case .alias = $0 { true } else { false } }
        if hasAliases { residency.disturbAll() } else { residency.disturb(records.keyIDs) }
        for case .alias(let arn) in records { try await refresh(arn) }
        try await residency.refresh(records.keyIDs)
    }

    private func publish(_ id: AccountID) async throws(StoreError) {
        try identities.load(try await store.account(id))
    }

    /// Forgets an alias that was removed or points elsewhere; the keys that it points to now are among the records too.
    private func refresh(_ arn: AliasARN) async throws(StoreError) {
        guard let known = directory.alias(arn) else { return }
        let stored = try await store.alias(arn)
        if stored?.target != known.target { directory.withdraw(known) }
        try await residency.refresh([known.target])
    }

    /// Begins anew: this node fell so far behind that nobody can say what changed.
    private func applyAnything() async throws(StoreError) {
        logger.warning("This node fell behind the change feed: everything is read again")
        try identities.load(try await store.frame())
        residency.disturbAll()
        directory.evict(directory.residentIDs)
    }

    /// Counts keys for monitoring, now and then.
    private func count() async {
        while !Task.isCancelled {
            // Until the next time it tells what it told before.
            let took = await ContinuousClock().measure { try? await shared.figures.count(in: store) }
            try? await Task.sleep(for: max(Self.countingInterval, took * Self.countingShare))
        }
    }

    private func warmUp() async {
        while !Task.isCancelled {
            do {
                try await residency.warmUp(capacity)
                logger.info("Keys were read into memory", metadata: ["keys": "\(directory.keyCount)"])
                return
            } catch is CancellationError {
                return
            } catch {
                try? await Task.sleep(for: .seconds(5))
            }
        }
    }
}
