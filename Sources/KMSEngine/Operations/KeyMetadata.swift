import Foundation
import KMSModel

extension API.KeyMetadata {
    /// What DescribeKey and CreateKey tell of a key.
    ///
    /// Source: KMS API Reference, KeyMetadata.
    init(_ key: KeyRecord) {
        let algorithms = key.spec.algorithms(for: key.usage)
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
            origin: key.origin.rawValue,
            keyManager: key.manager.rawValue,
            customerMasterKeySpec: key.spec.rawValue,
            keySpec: key.spec.rawValue,
            encryptionAlgorithms: key.usage == .encryptDecrypt ? algorithms : nil,
            signingAlgorithms: key.usage == .signVerify ? algorithms : nil,
            keyAgreementAlgorithms: key.usage == .keyAgreement ? algorithms : nil,
            multiRegion: key.isMultiRegion,
            pendingDeletionWindowInDays: key.state == .pendingReplicaDeletion ? key.pendingWindowInDays : nil,
            macAlgorithms: key.usage == .generateVerifyMAC ? algorithms : nil,
            currentKeyMaterialId: key.spec == .symmetricDefault ? key.currentMaterial?.description : nil
        )
    }
}
