import Foundation
import KMSCrypto
import KMSModel
import KMSStore

/// One replacement of a key's material, in every region where the key is, in one change.
///
/// The new material reaches all related keys before any of them uses it.
struct KeyRotation {
    let type: RotationType
    let now: Date

    /// The change that gives `key`, which is not a replica, the material that comes next: random material for a key of the
    /// KMS's own making, the pending material for one that is imported.
    ///
    /// - Parameter schedule: When the next automatic rotation is due.
    /// - Returns: Nil for an imported key without pending material.
    /// - Throws: ``CryptoFailure``.
    func change(
        of key: KeySnapshot, in family: KeyFamily, schedule: RotationSchedule?, with keyring: Keyring
    ) throws(CryptoFailure) -> Change? {
        var mutations: [Mutation] = []
        let next: KeyMaterialID
        if key.record.origin == .external {
            guard let pending = key.pendingMaterial else { return nil }
            next = pending.id
            for member in family.members {
                guard var material = member.material(next) else { continue }
                material.stage = .rotated(at: now, by: type)
                mutations.append(.updateMaterial(material))
            }
        } else {
            let made = try MaterialRecord(
                generatedBy: keyring, for: key.arn, spec: key.record.spec, at: now,
                stage: .rotated(at: now, by: type)
            )
            next = made.id
            for member in family.members {
                mutations.append(.insertMaterial(try made.shared(with: member.arn, by: keyring)))
            }
        }
        for member in family.members {
            mutations += member.changing(afterMaterial: mutations) {
                $0.currentMaterial = next
                if member.arn == key.arn { $0.rotation = schedule }
            }
        }
        return Change(mutations)
    }
}

extension MaterialRecord {
    /// This material as it is stored for a related key of another region.
    ///
    /// - Throws: ``CryptoFailure``.
    func shared(with key: KeyARN, by keyring: Keyring) throws(CryptoFailure) -> MaterialRecord {
        guard key != self.key else { return self }
        let wrapped = isPresent ? try keyring.rewrap(self, for: key) : nil
        return MaterialRecord(
            key: key, id: id, spec: spec, creationDate: creationDate, wrapped: wrapped, stage: stage, validTo: validTo,
            description: description
        )
    }
}

extension KeySnapshot {
    /// The mutation that edits this key's record along with mutations of its material, and puts it into the state that
    /// the material then asks for: without all of it an imported key can do nothing.
    func changing(afterMaterial mutations: [Mutation], _ edit: (inout KeyRecord) -> Void) -> [Mutation] {
        var edited = record
        edited.state = state(afterMaterial: mutations)
        edit(&edited)
        edited.version = record.version + 1
        return [.updateKey(edited, expecting: record.version)]
    }

    /// The state that mutations of the key's material put it into.
    func state(afterMaterial mutations: [Mutation]) -> KeyState {
        guard record.origin == .external, record.state == .enabled || record.state == .disabled else {
            return record.state
        }
        return materials.after(mutations, of: arn).areComplete ? record.state : .pendingImport
    }
}
