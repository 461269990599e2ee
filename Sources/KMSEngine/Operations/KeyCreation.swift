import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import KMSPKCS11
import KMSStore
import Logging

struct CreateKey: AccountOperation {
    static let description = OperationDescription(
        .createKey,
        quota: .own(perSecond: 5),
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

    static func turns(for input: API.CreateKeyRequest, in context: RequestContext) -> [String] {
        // A key store is not removed while a key is being made in it.
        context.turnsForKey(in: context.realm)
            + (input.customKeyStoreId.flatMap(CustomKeyStoreID.init).map { [$0.turn] } ?? [])
    }

    static func dependence(_ input: API.CreateKeyRequest) -> KeyStoreDependence {
        input.customKeyStoreId == nil ? .none : .one
    }

    static func check(_ input: API.CreateKeyRequest) throws(KMSError) {
        let kind = try KeyKind(input)
        try kind.check()
        if let tags = input.tags { _ = try TagList([]).setting(tags, quota: ResourceQuotas.tagsPerKey) }
    }

    static func perform(
        _ input: API.CreateKeyRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.CreateKeyResponse> {
        let kind = try KeyKind(input)
        try context.checkRegionOffers(kind.spec)
        try await context.checkRoomForKey(in: context.realm)
        let region = context.realm.region
        let keyID = try context.makeKeyID(isMultiRegion: kind.isMultiRegion)
        let arn = KeyARN(region: region, account: context.realm.account, keyID: keyID)
        let home = try await context.home(of: kind)
        let tags = try TagList([]).setting(input.tags ?? [], quota: ResourceQuotas.tagsPerKey)
        var record = KeyRecord(
            arn: arn, spec: kind.spec, usage: kind.usage, origin: kind.origin,
            customKeyStore: home?.record.id, externalKeyID: kind.externalKeyID, creationDate: context.now,
            primaryRegion: kind.isMultiRegion ? region : nil, state: .pendingImport,
            description: input.description ?? "",
            policy: StandardKeyPolicy.default(for: arn.account, in: region.partition), tags: tags.tags,
            currentMaterial: nil
        )
        if let policy = input.policy {
            record.policy = try context.policies.accept(
                policy, for: arn, caller: context.caller,
                skippingLockoutCheck: input.bypassPolicyLockoutSafetyCheck ?? false,
                request: try RequestConditions(replacingPolicyOf: record, in: context)
            )
        }
        if let home { try await context.checkExternalKey(kind, in: home) }
        let material = try await context.makeMaterial(for: arn, kind, in: home)
        if let material {
            record.state = .enabled
            record.currentMaterial = material.id
        }
        var metadata = API.KeyMetadata(record, materials: material.map { [$0] } ?? [], relatives: [record])
        metadata.cloudHsmClusterId = home?.record.cluster
        var outcome = Outcome(
            API.CreateKeyResponse(keyMetadata: metadata),
            change: Change(
                [.insertKey(record)] + (material.map { [.insertMaterial($0)] } ?? [])
                    + (home.map { context.expecting($0.record) } ?? []))
        )
        outcome.created = [arn.description]
        if let home, home.record.cluster != nil, let material {
            outcome.additionalEventData = JSONObject(["backingKey": .string(material.backingKey)])
            outcome.takeBack = { context.forget(material, in: home, isCertain: $0) }
        }
        return outcome
    }
}

extension RequestContext {
    /// The custom key store that a key is to be made in; nil for a key that is here.
    ///
    /// - Throws: ``KMSError``: `CustomKeyStoreNotFoundException`, `CustomKeyStoreInvalidStateException`, and what is wrong with
    ///   the external key that is to be behind it.
    fileprivate func home(of kind: KeyKind) async throws(KMSError) -> KeyStore? {
        guard let id = kind.keyStore else { return nil }
        let store = try keyStore(id)
        switch (store.record.backing, kind.origin) {
        case (.cluster, .awsCloudHSM) where store.isConnected: break
        case (.proxy, .externalKeyStore) where store.isConnected:
            guard let external = kind.externalKeyID else { throw KMSError(.kmsInternal) }
            try await refuseUsed(external, of: store.record)
        case (.cluster, .awsCloudHSM), (.proxy, .externalKeyStore): throw .invalidState(of: store)
        default:
            throw KMSError(
                .validation, "Keys of custom key store \(id) have no origin \(kind.origin.rawValue).")
        }
        return store
    }

    /// What keeps a key store from being changed or removed by another node while a key is made in it.
    fileprivate func expecting(_ store: CustomKeyStoreRecord) -> [Mutation] {
        sharesStore ? store.change { _ in }.mutations : []
    }

    /// Refuses an external key that is another KMS key's.
    private func refuseUsed(_ id: ExternalKeyID, of store: CustomKeyStoreRecord) async throws(KMSError) {
        let isUsed = try await listing { catalog throws(StoreError) in
            try await catalog.hasKey(in: store.realm, keptIn: store.id, behind: id)
        }
        guard !isUsed else {
            throw KMSError(.xksKeyAlreadyInUse, "The external key is another KMS key's in this external key store.")
        }
    }

    /// Refuses an external key that is none which can encrypt and decrypt.
    fileprivate func checkExternalKey(_ kind: KeyKind, in store: KeyStore) async throws(KMSError) {
        let store = store.record
        guard let id = kind.externalKeyID, case .proxy(let proxy) = store.backing else { return }
        do throws(ExternalKeyFailure) {
            guard try await externalProxies.proxy(of: store, proxy).isUsable(id, for: occasion(.createKey)) else {
                throw ExternalKeyFailure.refused(.invalidKeyUsage, "its metadata")
            }
        } catch {
            logger.warning(
                "An external key cannot be behind a KMS key",
                metadata: ["key-store": "\(store.id)", "request-id": "\(requestID ?? "")", "reason": "\(error)"])
            throw error.refusalOfKey
        }
    }

    /// The first material of a key; nil for an imported one, whose material comes later.
    ///
    /// - Parameter store: Where the key is, if not here.
    fileprivate func makeMaterial(
        for key: KeyARN, _ kind: KeyKind, in store: KeyStore?
    ) async throws(KMSError) -> MaterialRecord? {
        guard kind.origin != .external else { return nil }
        guard let store, store.record.cluster != nil else {
            return try await compute(at: kind.spec.generationCost, for: .createKey, on: []) {
                keyring throws(CryptoFailure) in
                try MaterialRecord(generatedBy: keyring, for: key, spec: kind.spec, at: now)
            }
        }
        try await checkChangesAreTaken()
        let id = try keyring.answering { keyring throws(CryptoFailure) in try keyring.makeMaterialID() }
        let orphan = OrphanedMaterial(id: id, key: key, wasMade: false)
        try await useTokens(of: store, undoing: { store.destroy([orphan.made], logger) }) {
            tokens throws(TokenFailure) in
            try store.orphans.whileMaking(orphan) { () throws(TokenFailure) in
                var mayRemain = false
                do throws(TokenFailure) {
                    try tokens.makeKey(id, of: key, mayRemain: &mayRemain)
                } catch {
                    // Its answer may have got lost.
                    if mayRemain { store.destroy([orphan], logger) }
                    throw error
                }
            }
        }
        return MaterialRecord(key: key, id: id, spec: kind.spec, creationDate: now, wrapped: nil)
    }

    /// Takes back what ``makeMaterial(for:_:in:)`` made in a token, of a key that there is not, or says that there may be none.
    fileprivate func forget(_ material: MaterialRecord, in store: KeyStore, isCertain: Bool) {
        guard !isCertain else {
            return store.destroy([OrphanedMaterial(id: material.id, key: material.key, wasMade: true)], logger)
        }
        logger.warning(
            "A key was made in a token, and it is not known whether the KMS key that it is for was stored",
            metadata: ["key": "\(material.key)", "backing-key": "\(material.id)"])
    }

    /// A new random identifier: a UUID, version 4, or `mrk-` and 128 bits.
    fileprivate func makeKeyID(isMultiRegion: Bool) throws(KMSError) -> KeyID {
        var bytes = try keyring.answering { keyring throws(CryptoFailure) in
            try keyring.randomBytes(16).withBytes { Array($0) }
        }
        if !isMultiRegion {
            // The version and the variant (RFC 9562, sections 4.1 and 4.2).
            bytes[6] = bytes[6] & 0x0F | 0x40
            bytes[8] = bytes[8] & 0x3F | 0x80
        }
        guard let keyID = KeyID(bytes: bytes, isMultiRegion: isMultiRegion) else { throw KMSError(.kmsInternal) }
        return keyID
    }

    /// Refuses a key pair of SM2 outside the China Regions (KMS Developer Guide, "Key spec reference").
    func checkRegionOffers(_ spec: KeySpec) throws(KMSError) {
        guard spec != .sm2 || realm.region.partition == .china else { throw KMSError(.unsupportedOperation) }
    }

    /// What making a key in `realm` is in turn at: near the quota keys are made one after the other, because of many at a
    /// time each would find room for itself.
    func turnsForKey(in realm: Realm) -> [String] {
        // Where lists are in the store it is not known at once.
        let count = directory.withIndex { $0.customerKeyCount(in: realm) } ?? .max
        let isFar = quotas.resources(of: realm.account).keysPerRealm - Self.mostKeysAtATime > count
        return isFar ? [] : ["keys of \(realm.account) in \(realm.region)"]
    }

    /// More keys than are ever being made at a time in a realm.
    private static let mostKeysAtATime = 1000

    /// Refuses one more customer managed key in a realm that has as many as the quota admits.
    func checkRoomForKey(in realm: Realm) async throws(KMSError) {
        let count = try await listing { catalog throws(StoreError) in try await catalog.customerKeyCount(in: realm) }
        guard count < quotas.resources(of: realm.account).keysPerRealm else {
            throw KMSError(.limitExceeded, "The quota of KMS keys in this account and Region has been reached.")
        }
    }
}

/// The choices that a key keeps for life.
private struct KeyKind {
    let spec: KeySpec
    let usage: KeyUsage
    let origin: KeyOrigin
    let isMultiRegion: Bool
    /// The identifier of the custom key store, as it was given.
    let keyStore: String?
    let externalKeyID: ExternalKeyID?
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
        isMultiRegion = request.multiRegion ?? false
        keyStore = request.customKeyStoreId
        externalKeyID = request.xksKeyId.flatMap { ExternalKeyID($0) }
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
            guard request.customKeyStoreId != nil else {
                throw KMSError(.validation, "CustomKeyStoreId is required for keys with origin \(origin.rawValue).")
            }
            guard spec == .symmetricDefault, usage == .encryptDecrypt, !isMultiRegion else {
                throw KMSError(
                    .unsupportedOperation,
                    "A key in a custom key store is a single-Region key with KeySpec SYMMETRIC_DEFAULT.")
            }
            guard origin == .awsCloudHSM || request.xksKeyId != nil else {
                throw KMSError(.validation, "XksKeyId is required for keys with origin EXTERNAL_KEY_STORE.")
            }
            guard origin == .awsCloudHSM || externalKeyID != nil else {
                throw KMSError(.xksKeyNotFound, "No external key can be called so.")
            }
        }
    }
}
