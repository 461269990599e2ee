import KMSModel
package import KMSStore

/// The one way to change keys and aliases: into the store first, durably, then into memory.
package struct Ledger: Sendable {
    private let store: any Store
    private let directory: KeyDirectory
    private let policies: PolicyRules

    package init(store: any Store, directory: KeyDirectory, policies: PolicyRules) {
        self.store = store
        self.directory = directory
        self.policies = policies
    }

    /// Commits `change` and lets every later request see it.
    ///
    /// - Throws: ``StoreError``; after `conflict` nothing was written and nothing is different for anybody.
    package func commit(_ change: Change) async throws(StoreError) {
        let snapshots = try snapshots(after: change)
        _ = try await store.commit(change)
        directory.publish(snapshots)
        publishRest(of: change)
    }

    /// Puts what the store holds into memory, at start.
    ///
    /// - Throws: ``StoreError`` when the store cannot be read, or a stored policy is not one.
    package func load(_ contents: StoreContents) throws(StoreError) {
        var materials: [KeyARN: [MaterialRecord]] = [:]
        for material in contents.materials { materials[material.key, default: []].append(material) }
        var usages: [KeyARN: KeyUsageRecord] = [:]
        for usage in contents.usages { usages[usage.key] = usage }
        var snapshots: [KeySnapshot] = []
        for key in contents.keys.sorted(by: { $0.arn.keyID < $1.arn.keyID }) {
            guard let policy = try? policies.compile(key.policy, for: key.arn) else {
                throw .corrupt("the policy of the key \(key.arn)")
            }
            snapshots.append(
                KeySnapshot(
                    record: key, policy: policy, materials: materials[key.arn] ?? [], use: KeyUse(usages[key.arn])
                )
            )
        }
        directory.publish(snapshots)
        for alias in contents.aliases.sorted(by: { $0.arn.name < $1.arn.name }) { directory.publish(alias) }
    }

    // MARK: Publishing

    /// What the keys that `change` writes will be; made before the commit, so that nothing can fail after it.
    private func snapshots(after change: Change) throws(StoreError) -> [KeySnapshot] {
        var snapshots: [KeySnapshot] = []
        for mutation in change.mutations {
            switch mutation {
            case .insertKey(let key), .updateKey(let key, _): snapshots.append(try snapshot(of: key, after: change))
            default: continue
            }
        }
        return snapshots
    }

    private func snapshot(of key: KeyRecord, after change: Change) throws(StoreError) -> KeySnapshot {
        let present = directory.key(key.arn)
        let materials = (present?.materials ?? []).after(change.mutations, of: key.arn)
        let use = present?.use ?? KeyUse()
        if let present, present.record.policy == key.policy {
            return KeySnapshot(record: key, policy: present.policy, materials: materials, use: use)
        }
        guard let policy = try? policies.compile(key.policy, for: key.arn) else {
            throw .corrupt("the policy of the key \(key.arn)")
        }
        return KeySnapshot(record: key, policy: policy, materials: materials, use: use)
    }

    private func publishRest(of change: Change) {
        for mutation in change.mutations {
            switch mutation {
            case .deleteKey(let arn, _): directory.withdraw(arn)
            case .insertAlias(let alias), .updateAlias(let alias, _): directory.publish(alias)
            case .deleteAlias(let arn, _): directory.withdraw(arn)
            default: continue
            }
        }
    }
}
