import Foundation
import KMSCrypto
import KMSModel
import KMSPKCS11
import KMSStore
import Logging
import ServiceLifecycle

/// The work that time brings: the end of keys whose waiting period is over, rotations that are due, the end of imported
/// material, and keys that are being made in another region. It also tells the store which keys were used.
///
/// What is done is a function of the state and the time, so moving the clock is enough to make it happen.
package actor Housekeeping: Service {
    private let directory: KeyDirectory
    private let due: any DueKeys
    private let ledger: Ledger
    private let turns: ChangeTurns
    private let keyring: Keyring
    private let managedKeys: ManagedKeys
    private let journal: UseJournal
    private let outbox: AuditOutbox
    /// Where many nodes share the store.
    private let orphans: OrphanedAuditLines?
    private let keyStores: KeyStoreDirectory
    private let connector: KeyStoreConnector
    private let clock: any Clock
    private let metrics: Metrics
    private let interval: Duration
    private let logger: Logger

    /// How many looks at the clock lie between two writings of what was used: at the most so many seconds of it are
    /// forgotten by a crash.
    private static let looksBetweenFlushes = 10
    /// How many keys are written at a time.
    private static let flushCount = 1000

    /// - Parameter interval: How long to wait between two looks at the clock.
    init(
        directory: KeyDirectory, keyStores: KeyStoreDirectory, connector: KeyStoreConnector, due: any DueKeys,
        ledger: Ledger, turns: ChangeTurns, keyring: Keyring,
        managedKeys: ManagedKeys, journal: UseJournal, outbox: AuditOutbox, orphans: OrphanedAuditLines? = nil,
        clock: any Clock, metrics: Metrics, interval: Duration = .seconds(1), logger: Logger
    ) {
        self.directory = directory
        self.keyStores = keyStores
        self.connector = connector
        self.due = due
        self.ledger = ledger
        self.turns = turns
        self.keyring = keyring
        self.managedKeys = managedKeys
        self.journal = journal
        self.outbox = outbox
        self.orphans = orphans
        self.clock = clock
        self.metrics = metrics
        self.interval = interval
        self.logger = logger
    }

    /// Does what is due, again and again, until the server shuts down.
    package func run() async {
        connector.begin()
        await cancelWhenGracefulShutdown {
            var looks = 0
            while !Task.isCancelled {
                await self.doWhatIsDue()
                // What is still not written stays where it is; the log itself says why.
                try? await self.outbox.writeRest()
                looks += 1
                if looks.isMultiple(of: Self.looksBetweenFlushes) { await self.reconcile() }
                try? await Task.sleep(for: self.interval)
            }
        }
    }

    /// What is done every ten seconds: the store and the audit log are told what each does not know of the other.
    package func reconcile() async {
        await flush()
        // What fails is tried again the next time.
        try? await orphans?.adopt()
        connector.retry()
    }

    /// Tells the store which keys were used since it last heard, and which records the audit log has; also at the end, when
    /// everything else is over.
    package func flush() async {
        await flushUse()
        do throws(StoreError) {
            try await ledger.noteAuditLog()
        } catch {
            logger.error("The store was not told how far the audit log is", metadata: ["reason": "\(error)"])
        }
    }

    private func flushUse() async {
        while true {
            let uses = journal.take(Self.flushCount)
            guard !uses.isEmpty else { return }
            do throws(StoreError) {
                try await ledger.commit(Change(uses.map(Mutation.setUsage)))
            } catch {
                // The next use of each key puts it down again.
                logger.error("The last use of keys was not written", metadata: ["reason": "\(error)"])
                return
            }
        }
    }

    /// Does everything that is due at the present time, and returns when it is durable.
    ///
    /// It is done in the order of the times at which it was due, and those are the times that records and answers show,
    /// however late it is done. What fails is logged and stays due. A key that missed several rotations, because the clock
    /// was moved or the server was off, gets one new generation of material for each.
    ///
    /// When the calling task is asked to shut down it ends between two pieces of work; the rest stays due.
    package func doWhatIsDue() async {
        var failed: Set<KeyARN> = []
        while !Task.isShuttingDownGracefully {
            let now = clock.now
            let first: KeySnapshot?
            do throws(StoreError) {
                first = try await self.due.first(at: now, except: failed)
            } catch {
                metrics.noteHousekeepingFailure()
                logger.error("The store did not say what is due", metadata: ["reason": "\(error)"])
                return
            }
            guard let key = first, let due = key.nextDue else {
                metrics.noteHousekeeping(at: now)
                return
            }
            guard due <= now else {
                // It has been done, or put off, since the store was asked.
                failed.insert(key.arn)
                continue
            }
            // What has no time of its own, like a replica that is being made, is due at once.
            let time = due == .distantPast ? now : due
            let isSettled = await turns.inTurn(at: [key.arn.turn]) {
                // A request may have changed the key meanwhile; then the next look sees what is due.
                guard let present = directory.key(key.arn), present.nextDue == due else { return true }
                return await settle(present, at: time)
            }
            if !isSettled { failed.insert(key.arn) }
        }
    }

    /// Does one thing that is due for `key`; answers whether it was done or is no longer due.
    private func settle(_ key: KeySnapshot, at time: Date) async -> Bool {
        do {
            if key.materials.contains(where: { $0.ends(by: time) }) {
                try await expire(key, at: time)
                return true
            }
            switch key.record.state {
            case .pendingDeletion: try await delete(key, at: time)
            case .creating, .updating: try await complete(key, at: time)
            default: try await rotate(key, at: time)
            }
            return true
        } catch let error as StoreError where error.isConflict {
            // A request, or another node, changed the key meanwhile; the next look sees what is due then.
            return true
        } catch {
            metrics.noteHousekeepingFailure()
            var metadata: Logger.Metadata = ["key": "\(key.arnText)", "reason": "\(error)"]
            // It may have been done all the same, and then the log says nowhere else what is left in a token.
            if key.isInToken { metadata["backing-keys"] = "\(key.materials.map(\.id))" }
            logger.error("Work that is due failed", metadata: metadata)
            return false
        }
    }

    /// Ends a key; when it is the last replica of a primary that waits for that, the primary's waiting period begins.
    private func delete(_ key: KeySnapshot, at time: Date) async throws {
        var mutations = [Mutation.deleteKey(key.arn, expecting: key.record.version)]
        let family = directory.family(of: key)
        if key.record.isReplica, let primary = family.primary {
            let isLast = family.replicas.count == 1 && primary.record.state == .pendingReplicaDeletion
            let change = primary.change {
                guard isLast, let days = $0.pendingWindowInDays else { return }
                $0.state = .pendingDeletion
                $0.deletionDate = time.adding(days: days)
            }
            // The primary gets a new version in any case: what a request decides about it may depend on its replicas.
            mutations += change?.mutations ?? [primary.unchanged]
        }
        try await commit(Change(mutations), [.deletion(of: key.arn, backingKeys: key.backingKeys)], at: time) {
            keyring.forget(key.arn)
            destroyElsewhere(key)
        }
    }

    /// Destroys the key in the token of its custom key store, if that is there: AWS promises no more.
    ///
    /// Source: KMS Developer Guide, "Delete KMS keys from an AWS CloudHSM key store".
    private func destroyElsewhere(_ key: KeySnapshot) {
        guard key.isInToken, let id = key.record.customKeyStore else { return }
        let orphans = key.materials.map { OrphanedMaterial(id: $0.id, key: key.arn, wasMade: true) }
        guard let store = keyStores.store(id, in: key.arn.realm) else { return orphans.forEach { $0.tell(logger) } }
        store.destroy(orphans, logger)
    }

    private func expire(_ key: KeySnapshot, at time: Date) async throws {
        let mutations = key.materials.filter { $0.ends(by: time) }.map {
            Mutation.updateMaterial($0.expired)
        }
        let change = Change(mutations + key.changing(afterMaterial: mutations) { _ in })
        try await commit(change, [.expiry(of: key.arn)], at: time) { keyring.forget(key.arn) }
    }

    /// Makes a key usable that was being made, or changed, in more than one region.
    private func complete(_ key: KeySnapshot, at time: Date) async throws {
        let isComplete = key.record.origin != .external || key.materials.areComplete
        guard let change = key.change({ $0.state = isComplete ? .enabled : .pendingImport }) else { return }
        let primary = key.record.isReplica ? directory.family(of: key).primary : nil
        let event = primary.map { ServiceEvent.synchronization(with: $0.arn, in: key.arn.region) }
        try await commit(change, event.map { [$0] } ?? [], at: time)
    }

    private func rotate(_ key: KeySnapshot, at time: Date) async throws {
        guard let schedule = key.record.rotation, schedule.nextRotation <= time else { return }
        let isManaged = key.record.manager == .aws
        let period = isManaged ? managedKeys.rotationPeriodInDays : schedule.periodInDays
        let next = RotationSchedule(periodInDays: period, nextRotation: schedule.nextRotation.adding(days: period))
        let family = directory.family(of: key)
        let rotation = KeyRotation(type: .automatic, now: time)
        guard let change = try rotation.change(of: key, in: family, schedule: next, with: keyring) else { return }
        try await commit(change, ServiceEvent.rotation(of: key, in: family, by: .automatic), at: time)
    }

    /// Commits what is due together with the records of it, and writes those.
    ///
    /// - Parameter afterwards: What has to be done at once when the change is durable.
    private func commit(
        _ change: Change, _ events: [ServiceEvent], at time: Date, afterwards: () -> Void = {}
    ) async throws {
        let kept = KeptAuditLines(events.map { AuditRecord(of: $0, at: time) })
        try await ledger.commit(change, keeping: kept)
        afterwards()
        if let kept { try await outbox.write([kept]) }
    }
}

extension KeySnapshot {
    /// Whether its material is in the token of a custom key store; a key behind a proxy is its owner's.
    fileprivate var isInToken: Bool { record.customKeyStore != nil && record.externalKeyID == nil }
}
