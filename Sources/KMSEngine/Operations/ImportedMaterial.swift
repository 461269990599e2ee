import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

// Key material that the customer makes and brings.

struct GetParametersForImport: KeyOperation {
    /// How long the parameters are good for, in seconds.
    private static let lifetime: TimeInterval = 24 * 60 * 60

    static let description = OperationDescription(
        .getParametersForImport, quota: .own(perSecond: 1),
        recorded: .read("KeyId", "WrappingAlgorithm", "WrappingKeySpec")
    )

    static func keyIdentifier(in input: API.GetParametersForImportRequest) -> String { input.keyId }

    static func perform(
        _ input: API.GetParametersForImportRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GetParametersForImportResponse> {
        let key = permit.subject
        let spec = key.record.spec
        guard let algorithm = WrappingAlgorithm(rawValue: input.wrappingAlgorithm),
            let keySpec = WrappingKeySpec(rawValue: input.wrappingKeySpec),
            spec.canBeImported(by: algorithm, to: keySpec, in: context.realm.region.partition)
        else {
            throw KMSError(
                .validation,
                "Wrapping algorithm \(input.wrappingAlgorithm) and wrapping key spec \(input.wrappingKeySpec) cannot be "
                    + "used to import a \(spec.rawValue) key."
            )
        }
        let made = try await context.slowWork.keyGeneration.result(for: context.realm.account) {
            () throws(CryptoFailure) in
            try context.keyring.makeImportParameters(
                for: key.arn, spec: spec, wrapping: algorithm, by: keySpec, at: context.now
            )
        }
        switch made {
        case .success(let parameters):
            return Outcome(
                API.GetParametersForImportResponse(
                    keyId: key.arnText, importToken: parameters.token,
                    publicKey: SecretBytes(copying: parameters.publicKey),
                    parametersValidTo: context.now.addingTimeInterval(lifetime)
                )
            )
        case .failure(let failure): throw KMSError(failure)
        }
    }
}

struct ImportKeyMaterial: KeyOperation {
    /// How far ahead material may expire at most, in days (KMS API Reference, ImportKeyMaterial, ValidTo).
    private static let longestValidityInDays = 365

    static let description = OperationDescription(
        .importKeyMaterial,
        quota: .own(perSecond: 15),
        recorded: .change(
            "KeyId", "ValidTo", "ExpirationModel", "ImportType", "KeyMaterialDescription", "KeyMaterialId",
            defaults: [("ExpirationModel", .string(ExpirationModel.expires.rawValue))], response: .everything
        )
    )

    static func keyIdentifier(in input: API.ImportKeyMaterialRequest) -> String { input.keyId }

    static func check(_ input: API.ImportKeyMaterialRequest) throws(KMSError) {
        let expires = input.expirationModel != ExpirationModel.doesNotExpire.rawValue
        if expires, input.validTo == nil {
            throw KMSError(
                .validation, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
        }
        if !expires, input.validTo != nil {
            throw KMSError(
                .validation, "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
        }
        if input.importType == ImportType.newKeyMaterial.rawValue, input.keyMaterialId != nil {
            throw KMSError(
                .validation, "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.")
        }
    }

    static func perform(
        _ input: API.ImportKeyMaterialRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ImportKeyMaterialResponse> {
        let key = permit.subject
        try checkSpec(key, input)
        try checkReplica(key, input)
        try check(validTo: input.validTo, at: context.now)
        let result = try await context.slowWork.unwrapping.result(for: context.realm.account) {
            () throws(ImportFailure) in
            try context.keyring.importMaterial(
                input.encryptedKeyMaterial, token: input.importToken, for: key.arn, spec: key.record.spec,
                at: context.now
            )
        }
        let opened: (id: KeyMaterialID, wrapped: [UInt8])
        switch result {
        case .success(let material): opened = material
        case .failure(let failure): throw KMSError(failure)
        }
        var delivery = MaterialDelivery(
            key: key, family: context.directory.family(of: key), id: opened.id, wrapped: opened.wrapped,
            validTo: input.validTo, description: input.keyMaterialDescription, now: context.now
        )
        try delivery.place(input.importType.flatMap(ImportType.init), named: input.keyMaterialId)
        return Outcome(
            API.ImportKeyMaterialResponse(
                keyId: key.arnText, keyMaterialId: key.record.spec == .symmetricDefault ? opened.id.description : nil
            ),
            change: delivery.change
        )
    }

    /// Refuses what concerns several materials for a key that has one for ever.
    private static func checkSpec(_ key: KeySnapshot, _ input: API.ImportKeyMaterialRequest) throws(KMSError) {
        try key.refuseSeveralMaterials(input.importType, "importType")
        try key.refuseSeveralMaterials(input.keyMaterialId, "keyMaterialId")
        try key.refuseSeveralMaterials(input.keyMaterialDescription, "keyMaterialDescription")
    }

    private static func checkReplica(
        _ key: KeySnapshot, _ input: API.ImportKeyMaterialRequest
    ) throws(KMSError) {
        guard key.record.isReplica else { return }
        if input.importType == ImportType.newKeyMaterial.rawValue {
            throw KMSError(
                .validation,
                "Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys")
        }
        if input.keyMaterialDescription != nil {
            throw KMSError(
                .validation, "Key material description can only be specified on primary Multi-Region keys")
        }
    }

    private static func check(validTo: Date?, at now: Date) throws(KMSError) {
        guard let validTo else { return }
        guard validTo > now else { throw KMSError(.validation, "ValidTo must be in the future") }
        guard validTo < now.adding(days: longestValidityInDays) else {
            throw KMSError(.validation, "ValidTo must be less than 365 days in the future")
        }
    }
}

struct DeleteImportedKeyMaterial: KeyOperation {
    static let description = OperationDescription(
        .deleteImportedKeyMaterial, quota: .own(perSecond: 15),
        recorded: .change("KeyId", "KeyMaterialId", response: .everything)
    )

    static func keyIdentifier(in input: API.DeleteImportedKeyMaterialRequest) -> String { input.keyId }

    static func perform(
        _ input: API.DeleteImportedKeyMaterialRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.DeleteImportedKeyMaterialResponse> {
        let key = permit.subject
        try key.refuseSeveralMaterials(input.keyMaterialId, "keyMaterialId")
        let named = input.keyMaterialId.flatMap { KeyMaterialID($0) } ?? key.record.currentMaterial
        let answer = API.DeleteImportedKeyMaterialResponse(
            keyId: key.arnText, keyMaterialId: key.record.spec == .symmetricDefault ? named?.description : nil
        )
        // A key that never had material has none to delete.
        guard let named else { return Outcome(answer) }
        guard let material = key.material(named) else {
            throw KMSError(
                .validation, "Key material (id: \(named)) has never been imported into KMS key \(key.arnText).")
        }
        var outcome = Outcome(answer, change: change(deleting: material, of: key, context.directory.family(of: key)))
        outcome.destroyedMaterialOf = key.arn
        return outcome
    }

    private static func change(
        deleting material: MaterialRecord, of key: KeySnapshot, _ family: KeyFamily
    ) -> Change? {
        // Material that was never in use leaves no trace, wherever it was brought to.
        if material.stage == .pending, !key.record.isReplica {
            let mutations = family.members.filter { $0.material(material.id) != nil }
                .flatMap { [.deleteMaterial($0.arn, material.id), $0.unchanged] }
            return Change(mutations)
        }
        guard material.isPresent else { return nil }
        let mutation = Mutation.updateMaterial(material.withoutBytes)
        return Change([mutation] + key.changing(afterMaterial: [mutation]) { _ in })
    }
}

extension KeySnapshot {
    /// Refuses a parameter that only symmetric encryption keys have, because only they can have several materials.
    fileprivate func refuseSeveralMaterials(_ value: String?, _ name: String) throws(KMSError) {
        guard value != nil, record.spec != .symmetricDefault else { return }
        throw KMSError(
            .validation, "Input parameter \(name) cannot be used with \(record.spec.rawValue) imported keys.")
    }
}

extension MaterialRecord {
    /// The record that stays when the bytes go: ciphertexts still name it, and the same bytes may be imported again.
    var withoutBytes: MaterialRecord {
        var empty = self
        empty.wrapped = nil
        empty.validTo = nil
        return empty
    }

    /// The record that stays when the bytes expire, which tells that they did.
    var expired: MaterialRecord {
        var expired = self
        expired.wrapped = nil
        return expired
    }

    /// Whether the end of material that is there has come.
    func ends(by now: Date) -> Bool {
        guard isPresent, let validTo else { return false }
        return validTo <= now
    }
}

extension KeySpec {
    /// Whether material of this kind may be wrapped in this way for its import.
    ///
    /// Source: KMS Developer Guide, "Select a wrapping public key spec" and "Select a wrapping algorithm", corrected by what
    /// AWS was seen to refuse.
    fileprivate func canBeImported(
        by algorithm: WrappingAlgorithm, to wrappingKey: WrappingKeySpec, in partition: Partition
    ) -> Bool {
        guard (algorithm == .sm2PKE) == (wrappingKey == .sm2) else { return false }
        switch algorithm {
        // Withdrawn by AWS on 2023-10-10.
        case .rsaesPKCS1: return false
        case .rsaesOAEPSHA1, .rsaesOAEPSHA256:
            // The material has to fit into one block.
            let isLong = self == .eccNISTP521 || self == .eccNISTEdwards25519
            return modulusBits == nil && !isMLDSA && !(isLong && wrappingKey == .rsa2048)
        case .rsaAESKeyWrapSHA1, .rsaAESKeyWrapSHA256: return !isSymmetric && !isMLDSA
        case .sm2PKE: return modulusBits == nil && !isMLDSA && partition == .china
        }
    }
}

extension KMSError {
    /// What a caller may learn of material that was refused.
    fileprivate init(_ failure: ImportFailure) {
        switch failure {
        case .invalidToken: self.init(.invalidImportToken)
        case .expiredToken: self.init(.expiredImportToken)
        case .invalidMaterial: self.init(.invalidCiphertext)
        case .unavailable: self.init(CryptoFailure.unavailable)
        }
    }
}
