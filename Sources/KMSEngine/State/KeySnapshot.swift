package import KMSAccess
package import KMSModel

/// Everything that an operation needs to know of a key, as it was after one commit.
///
/// It never changes; the next commit puts another one in its place.
package final class KeySnapshot: Sendable {
    /// What the store holds of the key.
    package let record: KeyRecord
    /// The key's ARN as text: nearly every answer carries it.
    package let arnText: String
    /// The key's policy, compiled when it was stored.
    package let policy: KeyPolicy
    /// Every generation of the key's material, wrapped; the last one is the newest.
    package let materials: [MaterialRecord]

    package init(record: KeyRecord, policy: KeyPolicy, materials: [MaterialRecord]) {
        self.record = record
        self.policy = policy
        self.materials = materials
        arnText = record.arn.description
    }

    /// The key's ARN.
    package var arn: KeyARN { record.arn }

    /// The material that encrypts, or nil before the first import.
    package var currentMaterial: MaterialRecord? { record.currentMaterial.flatMap(material(_:)) }

    /// The generation called `id`, or nil when the key has no such.
    package func material(_ id: KeyMaterialID) -> MaterialRecord? {
        materials.last { $0.id == id }
    }
}
