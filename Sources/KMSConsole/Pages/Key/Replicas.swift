import KMSModel

/// A replica of a multi-Region key.
struct Replica: Sendable {
    let region: String
    let href: String

    /// The replicas of a primary key; none of any other key.
    static func all(of key: JSONObject) -> [Replica] {
        guard let configuration = key.object("MultiRegionConfiguration"),
            configuration.text("MultiRegionKeyType") == "PRIMARY"
        else { return [] }
        let id = key.text("KeyId") ?? ""
        return configuration.objects("ReplicaKeys").compactMap { $0.text("Region") }.map {
            Replica(region: $0, href: "/console/\($0)/keys/\(id)")
        }
    }
}

/// What a primary key waits for whose deletion is scheduled: that its replicas are gone (KMS Developer Guide, "Deleting
/// multi-Region keys").
struct ReplicaWait: Sendable {
    /// The waiting period that begins then, in days.
    let days: String
    let regions: [Replica]

    /// Nil for a key that waits for no replicas.
    init?(_ key: JSONObject) {
        guard key.text("KeyState") == KeyState.pendingReplicaDeletion.rawValue else { return nil }
        days = key.number("PendingDeletionWindowInDays").map { String(Int($0)) } ?? ""
        regions = Replica.all(of: key)
    }
}
