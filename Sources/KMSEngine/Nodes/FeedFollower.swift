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

    /// How long the reading of keys that have changed may hold up what else has changed.
    private static let mostReadingTime = Duration.milliseconds(300)

    let shared: SharedState
    let directory: KeyDirectory
    let identities: IdentityDirectory
    let keyStores: KeyStoreDirectory
    let capacity: Int
    let logger: Logger

    private var store: ReachedStore { shared.store }
    private var residency: Residency { shared.residency }

    /// Follows the feed until the server shuts down.
    package func run() async {
        // Filled at the start, and whenever everything had to go.
        let (vacancies, vacancy) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        vacancy.yield()
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { for await _ in vacancies { await warmUp() } }
                group.addTask { await follow(vacancy) }
                group.addTask { await tick() }
                group.addTask { await count() }
                await group.waitForAll()
            }
        }
    }

    private func follow(_ vacancy: AsyncStream<Void>.Continuation) async {
        var isReached = true
        var lead = 0.0
        while !Task.isCancelled {
            do throws(StoreError) {
                try await catchUp(vacancy)
                warn(ofLead: &lead)
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
    private func catchUp(_ vacancy: AsyncStream<Void>.Continuation) async throws(StoreError) {
        let began = MonotonicTime.nanoseconds()
        let news = try await store.changes(after: residency.feedPosition)
        if let records = news.records {
            try await apply(records)
        } else {
            try await applyAnything()
            vacancy.yield()
        }
        residency.settle(news.position)
        shared.contact.note(began)
    }

    /// Reads again what is in memory of these records.
    private func apply(_ records: [ChangedRecord]) async throws(StoreError) {
        guard !records.isEmpty else { return }
        for case .account(let id) in records { try await publish(id) }
        // Whoever is reading a key that one of the aliases belongs to may have begun before.
        let hasAliases = records.contains { if case .alias = $0 { true } else { false } }
        if hasAliases { residency.disturbAll() } else { residency.disturb(records.keyIDs) }
        var ids = records.keyIDs
        for case .alias(let arn) in records {
            if let known = try await check(arn) { ids.insert(known) }
        }
        try await refresh(ids)
    }

    /// Reads keys again, but lets none hold up the others: those that take their time leave memory until they have been read.
    private func refresh(_ ids: Set<KeyID>) async throws(StoreError) {
        guard !ids.isEmpty else { return }
        let (ends, end) = AsyncStream<Result<Void, StoreError>?>.makeStream()
        Task { [residency] in
            do throws(StoreError) {
                try await residency.refresh(ids)
                end.yield(.success(()))
            } catch {
                end.yield(.failure(error))
            }
        }
        let deadline = Task {
            try? await Task.sleep(for: Self.mostReadingTime)
            end.yield(nil)
        }
        defer { deadline.cancel() }
        for await result in ends {
            guard let result else { break }
            return try result.get()
        }
        directory.evict(ids)
    }

    /// Takes everybody of an account from the store; who is damaged there lets nobody in.
    private func publish(_ id: AccountID) async throws(StoreError) {
        do throws(StoreError) {
            let account = try await store.account(id)
            keyStores.load(account)
            try identities.load(account)
        } catch .corrupt(let what) {
            logger.critical(
                "An account is damaged in the store: nobody of it is let in",
                metadata: ["account": "\(id)", "reason": "\(what)"])
            identities.withdraw(id)
        }
    }

    /// Forgets an alias that was removed or points elsewhere; the key that it points to now is among the records too.
    ///
    /// - Returns: The key that it pointed to, if it was known.
    private func check(_ arn: AliasARN) async throws(StoreError) -> KeyID? {
        guard let known = directory.alias(arn) else { return nil }
        let stored: AliasRecord?
        do throws(StoreError) { stored = try await store.alias(arn) } catch .corrupt { stored = nil }
        if stored?.target != known.target { directory.withdraw(known) }
        return known.target
    }

    /// Begins anew: this node fell so far behind that nobody can say what changed.
    private func applyAnything() async throws(StoreError) {
        logger.warning("This node fell behind the change feed: everything is read again")
        let frame = try await store.frame()
        keyStores.load(frame)
        try identities.load(frame)
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

    /// Says when the store's clock is another than this machine's, which is then gone by.
    private func warn(ofLead known: inout TimeInterval) {
        let lead = shared.contact.clockLead
        defer { known = lead }
        guard abs(lead - known) > 1 else { return }
        logger.warning(
            "This machine's clock differs from the database's, which is gone by", metadata: ["seconds": "\(lead)"])
    }

    private func warmUp() async {
        while !Task.isCancelled {
            do {
                try await residency.warmUp(capacity)
                logger.info("Keys were read into memory", metadata: ["keys": "\(directory.keyCount)"])
                return
            } catch is CancellationError {
                return
            } catch StoreError.corrupt(let what) {
                // The others are read when they are asked for.
                logger.error("A key of the store is damaged", metadata: ["reason": "\(what)"])
                return
            } catch {
                try? await Task.sleep(for: .seconds(5))
            }
        }
    }
}
