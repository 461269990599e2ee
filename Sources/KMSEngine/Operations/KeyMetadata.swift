import Foundation
import KMSModel

extension API.KeyMetadata {
    /// What DescribeKey tells of a key.
    init(_ key: KeySnapshot, in context: RequestContext) {
        self.init(
            key.record, materials: key.materials, relatives: context.directory.family(of: key).members.map(\.record))
        let state = context.keyStores.state(of: key)
        (keyState, enabled) = (state.rawValue, state == .enabled)
        if let id = key.record.customKeyStore {
            cloudHsmClusterId = context.keyStores.store(id, in: key.arn.realm)?.record.cluster
        }
    }

    /// What DescribeKey, CreateKey and ReplicateKey tell of a key.
    ///
    /// Source: KMS API Reference, KeyMetadata.
    ///
    /// - Parameter relatives: The key itself and, of a multi-Region key, all related ones, in order of their regions.
    init(_ key: KeyRecord, materials: [MaterialRecord], relatives: [KeyRecord]) {
        let algorithms = key.spec.algorithms(for: key.usage)
        let isImported = key.origin == .external && materials.areComplete
        let validTo = isImported ? materials.filter(\.isBound).compactMap(\.validTo).min() : nil
        let expirationModel = validTo == nil ? ExpirationModel.doesNotExpire : .expires
        self.init(
            awsAccountId: key.arn.account.description,
            keyId: key.arn.keyID.description,
            arn: key.arn.description,
            creationDate: key.creationDate,
            enabled: key.state == .enabled,
            description: key.description,
            keyUsage: key.usage.rawValue,
            keyState: key.state.rawValue,
            deletionDate: key.state == .pendingDeletion ? key.deletionDate : nil,
            validTo: validTo,
            origin: key.origin.rawValue,
            customKeyStoreId: key.customKeyStore?.description,
            expirationModel: isImported ? expirationModel.rawValue : nil,
            keyManager: key.manager.rawValue,
            customerMasterKeySpec: key.spec.rawValue,
            keySpec: key.spec.rawValue,
            encryptionAlgorithms: key.usage == .encryptDecrypt ? algorithms : nil,
            signingAlgorithms: key.usage == .signVerify ? algorithms : nil,
            keyAgreementAlgorithms: key.usage == .keyAgreement ? algorithms : nil,
            multiRegion: key.isMultiRegion,
            multiRegionConfiguration: API.MultiRegionConfiguration(key, relatives: relatives),
            pendingDeletionWindowInDays: key.state == .pendingReplicaDeletion ? key.pendingWindowInDays : nil,
            macAlgorithms: key.usage == .generateVerifyMAC ? algorithms : nil,
            xksKeyConfiguration: key.externalKeyID.map { API.XksKeyConfigurationType(id: $0.description) },
            currentKeyMaterialId: key.spec == .symmetricDefault && key.state != .creating && key.customKeyStore == nil
                ? key.currentMaterial?.description : nil
        )
    }
}

extension API.MultiRegionConfiguration {
    /// How a multi-Region key is related to others; nil for a single-Region key.
    fileprivate init?(_ key: KeyRecord, relatives: [KeyRecord]) {
        guard let primaryRegion = key.primaryRegion else { return nil }
        let primary = KeyARN(region: primaryRegion, account: key.arn.account, keyID: key.arn.keyID)
        self.init(
            multiRegionKeyType: key.isReplica ? "REPLICA" : "PRIMARY", primaryKey: API.MultiRegionKey(primary),
            replicaKeys: relatives.filter(\.isReplica).map { API.MultiRegionKey($0.arn) }
        )
    }
}

extension API.MultiRegionKey {
    fileprivate init(_ key: KeyARN) { self.init(arn: key.description, region: key.region.description) }
}
