import KMSModel

/// Which kinds of key an operation is for.
///
/// Source: KMS API Reference, the operations' own pages; the sentences are AWS's.
enum KindRules {
    /// Throws AWS's refusal unless `operation` is for keys of this origin, which AWS decides before it looks at the state.
    static func check(_ operation: OperationName, on key: KeySnapshot) throws(KMSError) {
        let origin = key.record.origin
        switch operation {
        case .enableKeyRotation, .disableKeyRotation:
            guard origin == .awsKMS else { throw wrongOrigin(key) }
        case .rotateKeyOnDemand:
            guard origin == .awsKMS || origin == .external else { throw wrongOrigin(key) }
        case .getKeyRotationStatus, .listKeyRotations:
            guard origin == .awsKMS || origin == .external else { throw wrongOrigin(key) }
        case .getParametersForImport, .importKeyMaterial, .deleteImportedKeyMaterial:
            guard origin == .external else { throw wrongOrigin(key) }
        case .generateDataKeyPair, .generateDataKeyPairWithoutPlaintext:
            guard key.record.customKeyStore == nil else { throw wrongOrigin(key) }
        default: break
        }
    }

    /// Refuses a replica for an operation that is its primary's, which AWS decides once the state is right.
    static func refuseReplica(_ key: KeySnapshot, for operation: OperationName) throws(KMSError) {
        guard key.record.isReplica else { return }
        throw KMSError(
            .unsupportedOperation,
            "\(key.arnText) is a multi-region replica key which is not valid for \(operation.rawValue)."
        )
    }

    private static func wrongOrigin(_ key: KeySnapshot) -> KMSError {
        KMSError(
            .unsupportedOperation,
            "\(key.arnText) origin is \(key.record.origin.rawValue) which is not valid for this operation."
        )
    }
}
