import KMSAccess
import KMSModel
package import KMSStore

/// The one way to change keys and aliases: into the store first, durably, then into memory.
///
/// What the audit log is to say of a change goes into the store with it (``AuditOutbox``).
package struct Ledger: Sendable {
    private let store: any Store
    private let directory: KeyDirectory
    private let policies: PolicyRules
    private let keyStores: KeyStoreDirectory
    private let outbox: AuditOutbox
    /// Where other nodes change keys too.
    private let residency: Residency?

    init(
        store: any Store, directory: KeyDirectory, policies: PolicyRules, keyStores: KeyStoreDirectory,
        outbox: AuditOutbox, shared: SharedState? = nil
    ) {
        self.store = store
        self.directory = directory
        self.policies = policies
        self.keyStores = keyStores
        self.outbox = outbox
        residency = shared?.residency
    }

    /// Commits `change` and lets every later request see it.
    ///
    /// - Parameter lines: What the audit log is to say of it, which the caller writes there afterwards.
    /// - Throws: ``StoreError``; after `conflict` nothing was written and nothing is different for anybody. `undone` also
    ///   when there are records of earlier changes that the audit log still does not take: then nothing more is changed.
    func commit(_ change: Change, keeping lines: KeptAuditLines? = nil) async throws(StoreError) {
        if lines != nil { try await checkAuditLog() }
        let ids = change.changedRecords.keyIDs
        let number = residency?.beginChange(of: ids)
        let snapshots: [KeySnapshot]
        let absent: Set<KeyID>
        do throws(StoreError) {
            (snapshots, absent) = try self.snapshots(after: change)
        } catch {
            number.map { residency?.abandonChange($0) }
            throw error
        }
        let news = outbox.takeNews()
        let record = lines.map { [Mutation.keepAuditLines($0)] } ?? []
        do throws(StoreError) {
            try await store.commit(Change(change.mutations + record + news.mutations))
        } catch {
            outbox.putBack(news)
            number.map { residency?.abandonChange($0) }
            // Whatever comes of looking, it is sure that nothing was changed.
            if case .conflict = error, let residency {
                do throws(StoreError) { try await residency.refresh(change) } catch { directory.evict(ids) }
            }
            throw error
        }
        outbox.settle(news)
        guard let residency, let number else {
            directory.publish(snapshots)
            return publishRest(of: change)
        }
        let hasAliases = change.changedRecords.contains { if case .alias = $0 { true } else { false } }
        let isPublished = residency.publish(number, of: ids, andAll: hasAliases) {
            directory.install(newcomers(in: change, snapshots))
            directory.evict(absent)
            directory.publish(snapshots.filter { !absent.contains($0.arn.keyID) })
            publishRest(of: change)
        }
        guard !isPublished else { return }
        // Somebody else's change came in between, so this one may be old by now.
        do throws(StoreError) { try await residency.refresh(change) } catch { directory.evict(ids) }
    }

    /// Looks whether a change could be recorded.
    ///
    /// - Throws: ``StoreError/undone(_:)`` while there are records of earlier changes that the audit log does not take.
    func checkAuditLog() async throws(StoreError) {
        do throws(AuditFailure) { try await outbox.writeRest() } catch { throw .undone(error.description) }
    }

    /// The keys that `change` makes of identifiers that there were none of.
    private func newcomers(in change: Change, _ snapshots: [KeySnapshot]) -> [KeyID: [ResidentKey]] {
        var keys: [KeyID: [ResidentKey]] = [:]
        for case .insertKey(let key) in change.mutations where !key.isReplica {
            guard let snapshot = snapshots.first(where: { $0.arn == key.arn }) else { continue }
            keys[key.arn.keyID] = [ResidentKey(snapshot: snapshot)]
        }
        return keys
    }

    /// Tells the store how far the audit log is by now, and lets it forget the lines that are there.
    ///
    /// - Throws: ``StoreError``; a later change does it then.
    package func noteAuditLog() async throws(StoreError) {
        if outbox.hasNews { try await commit(Change([])) }
    }

    /// Puts every key into memory, which has none yet, at start.
    ///
    /// - Throws: ``StoreError`` when the store cannot be read, a stored policy is not one, or the task is cancelled: then
    ///   there is no telling which keys came.
    func load() async throws(StoreError) {
        // One thread reads while another makes of it what memory holds.
        let (pieces, feed) = AsyncStream.makeStream(of: StoreContents.self)
        async let reading = readEveryKey(into: feed)
        var loading = KeyLoading(policies: policies, directory: directory)
        for await piece in pieces { try loading.take(piece) }
        try await reading.get()
        guard !Task.isCancelled else { throw .unavailable("the start was cancelled") }
        loading.finish()
    }

    private func readEveryKey(into feed: AsyncStream<StoreContents>.Continuation) async -> Result<Void, StoreError> {
        defer { feed.finish() }
        do throws(StoreError) {
            try await store.everyKey { feed.yield($0) }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    // MARK: Publishing

    /// What the keys that `change` writes will be; made before the commit, so that nothing can fail after it.
    ///
    /// Also which of them are not in memory though there were such before, so that only a part of them is known.
    private func snapshots(
        after change: Change
    ) throws(StoreError) -> (snapshots: [KeySnapshot], absent: Set<KeyID>) {
        var snapshots: [KeySnapshot] = []
        var absent: Set<KeyID> = []
        for mutation in change.mutations {
            switch mutation {
            case .insertKey(let key): snapshots.append(try snapshot(of: key, from: nil, after: change))
            case .updateKey(let key, _):
                let present = directory.key(key.arn)
                if present == nil { absent.insert(key.arn.keyID) }
                snapshots.append(try snapshot(of: key, from: present, after: change))
            default: continue
            }
        }
        return (snapshots, absent)
    }

    private func snapshot(
        of key: KeyRecord, from present: KeySnapshot?, after change: Change
    ) throws(StoreError) -> KeySnapshot {
        let materials = (present?.materials ?? []).after(change.mutations, of: key.arn)
        let use = present?.use ?? KeyUse()
        if let present, present.record.policy == key.policy {
            return KeySnapshot(record: key, policy: present.policy, materials: materials, use: use)
        }
        var key = key
        guard let policy = try? policies.share(&key) else { throw .corrupt("the policy of the key \(key.arn)") }
        return KeySnapshot(record: key, policy: policy, materials: materials, use: use)
    }

    private func publishRest(of change: Change) {
        for mutation in change.mutations {
            switch mutation {
            case .deleteKey(let arn, _): directory.withdraw(arn)
            case .insertAlias(let alias), .updateAlias(let alias, _): directory.publish(alias)
            case .deleteAlias(let arn, _): directory.withdraw(arn)
            case .insertGrant(let grant): directory.publish(Grant(grant))
            case .deleteGrant(let arn, let id): directory.grants.withdraw(id, on: arn)
            case .insertKeyStore(let store), .updateKeyStore(let store, _): keyStores.publish(store)
            case .deleteKeyStore(let realm, let id, _): keyStores.withdraw(id, in: realm)
            case .updateAccount(let account, _): keyStores.noteVersion(of: account)
            default: continue
            }
        }
    }
}
