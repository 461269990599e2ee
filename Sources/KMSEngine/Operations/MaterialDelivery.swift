import Foundation
import KMSModel
import KMSStore

/// Material that was unwrapped, on its way to its place among what the key has.
///
/// Source: KMS Developer Guide, "Importing key material", and the sentences that AWS was seen to answer.
struct MaterialDelivery {
    let key: KeySnapshot
    let family: KeyFamily
    let id: KeyMaterialID
    let wrapped: [UInt8]
    let validTo: Date?
    let description: String?
    let now: Date
    private(set) var change = Change([])

    init(
        key: KeySnapshot, family: KeyFamily, id: KeyMaterialID, wrapped: [UInt8], validTo: Date?, description: String?,
        now: Date
    ) {
        self.key = key
        self.family = family
        self.id = id
        self.wrapped = wrapped
        self.validTo = validTo
        self.description = description
        self.now = now
    }

    /// Finds the material's place and makes the change that puts it there.
    ///
    /// - Parameters:
    ///   - type: What the importer says that it is; by default new for a key that never had material.
    ///   - name: The identifier that the importer expects it to have.
    /// - Throws: ``KMSError``: `IncorrectKeyMaterialException`, `KMSInvalidStateException`.
    mutating func place(_ type: ImportType?, named name: String?) throws(KMSError) {
        if let name, name != id.description { throw unexpected(name) }
        let isNew = type.map { $0 == .newKeyMaterial } ?? (key.materials.isEmpty && !key.record.isReplica)
        if isNew { try add() } else { try restore() }
    }

    // MARK: New material

    private mutating func add() throws(KMSError) {
        if let present = key.material(id) {
            // The same pending material once more changes when it expires, as any material that comes again.
            guard present.stage == .pending else {
                throw KMSError(
                    .incorrectKeyMaterial,
                    "Key material (id: \(id)) being imported as NEW_KEY_MATERIAL is already associated with KMS key "
                        + "\(key.arnText)."
                )
            }
            return try restore()
        }
        if let pending = key.pendingMaterial {
            throw KMSError(
                .kmsInvalidState,
                "New key material (id: \(id)) cannot be imported into KMS key \(key.arnText), because another key "
                    + "material (id: \(pending.id)) is pending rotation."
            )
        }
        let isFirst = key.materials.isEmpty
        let material = MaterialRecord(
            key: key.arn, id: id, spec: key.record.spec, creationDate: now, wrapped: wrapped,
            stage: isFirst ? .first : .pending, validTo: validTo, description: description
        )
        commit([.insertMaterial(material)]) { [id] key in if isFirst { key.currentMaterial = id } }
        // Replicas, which only a key that has material can have, are told what to expect; the bytes have to be brought
        // to each.
        for replica in family.replicas {
            let expected = MaterialRecord(
                key: replica.arn, id: id, spec: material.spec, creationDate: now, wrapped: nil,
                stage: material.stage, description: description
            )
            change.mutations += [.insertMaterial(expected), replica.unchanged]
        }
    }

    // MARK: Material that was there before

    private mutating func restore() throws(KMSError) {
        guard var material = key.material(id) else {
            throw unexpected(key.record.currentMaterial?.description)
        }
        material.wrapped = wrapped
        material.validTo = validTo
        material.description = description ?? material.description
        commit([.updateMaterial(material)]) { _ in }
        for replica in family.replicas where replica.arn != key.arn && description != nil {
            guard var theirs = replica.material(id) else { continue }
            theirs.description = description
            change.mutations += [.updateMaterial(theirs), replica.unchanged]
        }
    }

    // MARK: Parts

    /// A key with all of its material is enabled by the import, even one that was switched off.
    private mutating func commit(_ mutations: [Mutation], _ edit: (inout KeyRecord) -> Void) {
        let isComplete = key.materials.after(mutations, of: key.arn).areComplete
        change.mutations +=
            mutations
            + key.changing(afterMaterial: mutations) { key in
                edit(&key)
                if isComplete, key.state == .pendingImport || key.state == .disabled { key.state = .enabled }
            }
    }

    private func unexpected(_ expected: String?) -> KMSError {
        let name = expected.map { " (\($0))" } ?? ""
        return KMSError(
            .incorrectKeyMaterial, "Imported key material does not have the expected identifier\(name)."
        )
    }
}
