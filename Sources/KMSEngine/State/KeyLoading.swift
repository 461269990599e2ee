import KMSAccess
import KMSModel
import KMSStore

/// What a start makes of the records that it reads, piece by piece.
///
/// Keys go into memory as they come: the thread that reads takes longer for a piece than this does.
struct KeyLoading {
    private let policies: PolicyRules
    private let directory: KeyDirectory
    /// Of all related keys together, each in its own order.
    private var materials: [KeyID: [MaterialRecord]] = [:]
    private var usages: [KeyARN: KeyUsageRecord] = [:]
    private var last: KeySnapshot?
    private var aliases: [AliasRecord] = []
    private var grants: [GrantRecord] = []

    init(policies: PolicyRules, directory: KeyDirectory) {
        self.policies = policies
        self.directory = directory
    }

    /// Takes some of the records, those that a key is made of before it or with it.
    ///
    /// - Throws: ``StoreError/corrupt(_:)`` when a stored policy is not one, and for two keys of one region with one
    ///   identifier.
    mutating func take(_ piece: StoreContents) throws(StoreError) {
        for material in piece.materials { materials[material.key.keyID, default: []].append(material) }
        for usage in piece.usages { usages[usage.key] = usage }
        var snapshots: [KeySnapshot] = []
        snapshots.reserveCapacity(piece.keys.count)
        for key in piece.keys {
            let snapshot = try snapshot(of: key)
            snapshots.append(snapshot)
            last = snapshot
        }
        if let twice = directory.load(snapshots, of: materials.count) {
            throw .corrupt("the key \(twice): another one has its identifier")
        }
        aliases += piece.aliases
        grants += piece.grants
    }

    private func snapshot(of key: KeyRecord) throws(StoreError) -> KeySnapshot {
        var key = key
        let policy: KeyPolicy
        // Most keys of an account have the default policy.
        if let before = last, before.arn.region == key.arn.region,
            before.record.policy.isSame(as: key.policy)
        {
            policy = before.policy
            key.policy = before.record.policy
        } else {
            guard let shared = try? policies.share(&key) else { throw .corrupt("the policy of the key \(key.arn)") }
            policy = shared
        }
        var own = materials[key.arn.keyID] ?? []
        if own.contains(where: { $0.key != key.arn }) { own.removeAll { $0.key != key.arn } }
        return KeySnapshot(
            record: key, policy: policy, materials: own, use: KeyUse(usages.isEmpty ? nil : usages[key.arn]))
    }

    /// Puts into memory what belongs to keys that are there.
    func finish() {
        for alias in aliases.sorted(by: { $0.arn.name < $1.arn.name }) { directory.publish(alias) }
        for grant in grants { directory.grants.publish(Grant(grant)) }
    }
}
