package import Foundation
package import KMSAccess
package import KMSModel
import KMSStore

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
    /// Every generation of the key's material, wrapped, in the order in which they came.
    package let materials: [MaterialRecord]
    /// When the key was last used.
    package let use: KeyUse
    /// When the first of the key's material ends, if any does.
    let firstEnd: Date?

    /// The key with what the store holds of it; the policy is the record's own, compiled.
    package init(record: KeyRecord, policy: KeyPolicy, materials: [MaterialRecord], use: KeyUse = KeyUse()) {
        self.record = record
        self.policy = policy
        self.materials = materials
        self.use = use
        arnText = record.arn.description
        firstEnd = materials.compactMap { $0.isPresent ? $0.validTo : nil }.min()
    }

    /// The key as it is at `now`: material whose end has come is gone, also while other work that is due comes first and
    /// the store has not heard of it.
    func at(_ now: Date) -> KeySnapshot {
        guard let firstEnd, firstEnd <= now else { return self }
        let ended = materials.filter { $0.ends(by: now) }.map { Mutation.updateMaterial($0.expired) }
        var record = record
        record.state = state(afterMaterial: ended)
        return KeySnapshot(record: record, policy: policy, materials: materials.after(ended, of: arn), use: use)
    }

    /// The key's ARN.
    package var arn: KeyARN { record.arn }

    /// The material that encrypts, or nil before the first import.
    package var currentMaterial: MaterialRecord? { record.currentMaterial.flatMap(material(_:)) }

    /// The generation called `id`, or nil when the key has no such.
    package func material(_ id: KeyMaterialID) -> MaterialRecord? {
        materials.last { $0.id == id }
    }

    /// Imported material that is not in use before the next rotation.
    package var pendingMaterial: MaterialRecord? { materials.last { $0.stage == .pending } }

    /// When time will next change this key by itself, if ever.
    ///
    /// A key that is not enabled keeps its rotation schedule but does not rotate; an overdue rotation happens once it is
    /// enabled again. Imported material expires in every state.
    package var nextDue: Date? {
        let own: Date? =
            switch record.state {
            case .pendingDeletion: record.deletionDate
            case .enabled: record.rotation?.nextRotation
            case .creating, .updating: .distantPast
            default: nil
            }
        return [own, firstEnd].compactMap(\.self).min()
    }
}

extension [MaterialRecord] {
    /// Whether all the material is there that a key with these generations needs.
    var areComplete: Bool { contains(where: \.isBound) && allSatisfy { !$0.isBound || $0.isPresent } }
}

extension [MaterialRecord] {
    /// What becomes of these generations of the key's material when the store applies `mutations`.
    func after(_ mutations: [Mutation], of key: KeyARN) -> [MaterialRecord] {
        var materials = self
        for mutation in mutations {
            switch mutation {
            case .insertMaterial(let material) where material.key == key: materials.append(material)
            case .updateMaterial(let material) where material.key == key:
                if let index = materials.firstIndex(where: { $0.id == material.id }) { materials[index] = material }
            case .deleteMaterial(key, let id): materials.removeAll { $0.id == id }
            default: break
            }
        }
        return materials
    }
}
