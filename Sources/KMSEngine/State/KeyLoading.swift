import KMSAccess
import KMSModel
import KMSStore

/// What a start makes of the records that it reads, piece by piece.
struct KeyLoading {
    private let policies: PolicyRules
    /// Of all related keys together, each in its own order.
    private var materials: [KeyID: [MaterialRecord]] = [:]
    private var usages: [KeyARN: KeyUsageRecord] = [:]
    private var snapshots: [KeySnapshot] = []
    private var aliases: [AliasRecord] = []
    private var grants: [GrantRecord] = []

    init(policies: PolicyRules) { self.policies = policies }

    /// Takes some of the records, those that a key is made of before it or with it.
    ///
    /// - Throws: ``StoreError/corrupt(_:)`` when a stored policy is not one.
    mutating func take(_ piece: StoreContents) throws(StoreError) {
        for material in piece.materials { materials[material.key.keyID, default: []].append(material) }
        for usage in piece.usages { usages[usage.key] = usage }
        for key in piece.keys { snapshots.append(try snapshot(of: key)) }
        aliases += piece.aliases
        grants += piece.grants
    }

    private func snapshot(of key: KeyRecord) throws(StoreError) -> KeySnapshot {
        var key = key
        let policy: KeyPolicy
        // Most keys of an account have the default policy.
        if let before = snapshots.last, before.arn.region == key.arn.region,
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
        return KeySnapshot(record: key, policy: policy, materials: own, use: KeyUse(usages[key.arn]))
    }

    /// Puts all of it into memory.
    ///
    /// - Throws: ``StoreError/corrupt(_:)`` for two keys of one region with one identifier.
    func finish(in directory: KeyDirectory) throws(StoreError) {
        if let twice = directory.load(snapshots) { throw .corrupt("the key \(twice): another one has its identifier") }
        for alias in aliases.sorted(by: { $0.arn.name < $1.arn.name }) { directory.publish(alias) }
        for grant in grants { directory.grants.publish(Grant(grant)) }
    }
}
