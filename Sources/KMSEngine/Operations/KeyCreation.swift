import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

struct CreateKey: AccountOperation {
    static let description = OperationDescription(
        .createKey,
        recorded: .change(
            "Description", "Origin", "KeySpec", "CustomerMasterKeySpec", "KeyUsage",
            "BypassPolicyLockoutSafetyCheck", "MultiRegion", "Tags", "Policy", "CustomKeyStoreId", "XksKeyId",
            defaults: [
                ("Description", .string("")), ("Origin", .string(KeyOrigin.awsKMS.rawValue)),
                ("KeySpec", .string(KeySpec.symmetricDefault.rawValue)),
                ("CustomerMasterKeySpec", .string(KeySpec.symmetricDefault.rawValue)),
                ("KeyUsage", .string(KeyUsage.encryptDecrypt.rawValue)),
                ("BypassPolicyLockoutSafetyCheck", .bool(false)), ("MultiRegion", .bool(false)),
            ],
            response: .everything
        )
    )

    static func accesses(to subject: Void, for input: API.CreateKeyRequest) -> [Access] {
        let create = Access(description.action, on: .account)
        guard let tags = input.tags, !tags.isEmpty else { return [create] }
        return [create, Access("kms:TagResource", on: .account)]
    }

    static func check(_ input: API.CreateKeyRequest) throws(KMSError) {
        let kind = try KeyKind(input)
        try kind.check()
        if let tags = input.tags { _ = try TagList([]).setting(tags, quota: ResourceQuotas().tagsPerKey) }
    }

    static func perform(
        _ input: API.CreateKeyRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.CreateKeyResponse> {
        guard context.directory.keyCount(in: context.realm) < context.quotas.keysPerRealm else {
            throw KMSError(.limitExceeded, "The quota of KMS keys in this account and Region has been reached.")
        }
        let kind = try KeyKind(input)
        let arn = KeyARN(region: context.realm.region, account: context.realm.account, keyID: try context.makeKeyID())
        let policy = try context.policies.accept(
            input.policy, for: arn, caller: context.caller,
            skippingLockoutCheck: input.bypassPolicyLockoutSafetyCheck ?? false
        )
        let tags = try TagList([]).setting(input.tags ?? [], quota: context.quotas.tagsPerKey)
        let material = try context.keyring.answering { keyring throws(CryptoFailure) in
            try MaterialRecord(generatedBy: keyring, for: arn, spec: kind.spec, at: context.now)
        }
        let record = KeyRecord(
            arn: arn, spec: kind.spec, usage: kind.usage, origin: kind.origin, creationDate: context.now,
            state: .enabled, description: input.description ?? "", policy: policy, tags: tags.tags,
            currentMaterial: material.id
        )
        var outcome = Outcome(
            API.CreateKeyResponse(keyMetadata: API.KeyMetadata(record)),
            change: Change([.insertKey(record), .insertMaterial(material)])
        )
        outcome.created = [arn.description]
        return outcome
    }
}

extension RequestContext {
    /// A new identifier for a single-Region key: a random UUID, version 4.
    fileprivate func makeKeyID() throws(KMSError) -> KeyID {
        guard let keyID = KeyID(UUID().uuidString.lowercased()) else { throw KMSError(.kmsInternal) }
        return keyID
    }
}

/// The choices that a key keeps for life.
private struct KeyKind {
    let spec: KeySpec
    let usage: KeyUsage
    let origin: KeyOrigin
    private let givesUsage: Bool
    private let request: API.CreateKeyRequest

    init(_ request: API.CreateKeyRequest) throws(KMSError) {
        if request.keySpec != nil, request.customerMasterKeySpec != nil {
            throw KMSError(
                .validation,
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
                    + "CustomerMasterKeySpec is deprecated."
            )
        }
        spec = (request.keySpec ?? request.customerMasterKeySpec).flatMap(KeySpec.init) ?? .symmetricDefault
        usage = request.keyUsage.flatMap(KeyUsage.init) ?? .encryptDecrypt
        origin = request.origin.flatMap(KeyOrigin.init) ?? .awsKMS
        givesUsage = request.keyUsage != nil
        self.request = request
    }

    /// Refuses combinations that AWS refuses, and those that this server does not offer.
    ///
    /// Source: KMS API Reference, CreateKey, and Developer Guide, "Key spec reference".
    func check() throws(KMSError) {
        if spec != .symmetricDefault, !givesUsage {
            throw KMSError(
                .validation,
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
            )
        }
        guard spec.usages.contains(usage) else {
            throw KMSError(
                .validation, "KeyUsage \(usage.rawValue) is not compatible with KeySpec \(spec.rawValue)"
            )
        }
        if request.xksKeyId != nil, origin != .externalKeyStore {
            throw KMSError(.validation, "XksKeyId is valid only for keys with origin EXTERNAL_KEY_STORE.")
        }
        try checkOrigin()
        guard spec == .symmetricDefault, origin == .awsKMS, request.multiRegion != true else {
            throw KMSError(.unsupportedOperation)
        }
    }

    private func checkOrigin() throws(KMSError) {
        switch origin {
        case .awsKMS, .external:
            guard request.customKeyStoreId == nil else {
                throw KMSError(
                    .validation, "CustomKeyStoreId is not valid for keys with origin \(origin.rawValue)."
                )
            }
            if origin == .external, spec.isMLDSA {
                throw KMSError(.validation, "KeySpec \(spec.rawValue) is not supported for Origin EXTERNAL")
            }
        case .awsCloudHSM, .externalKeyStore:
            guard let store = request.customKeyStoreId else {
                throw KMSError(.validation, "CustomKeyStoreId is required for keys with origin \(origin.rawValue).")
            }
            // There are no custom key stores yet, so none has this name.
            throw KMSError(.customKeyStoreNotFound, "Custom key store \(store) does not exist.")
        }
    }
}
