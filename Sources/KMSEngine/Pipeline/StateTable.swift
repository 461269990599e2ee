package import KMSModel

/// Which operation a key allows in which state: the only place that decides it.
///
/// Source: KMS Developer Guide, "Key states of AWS KMS keys", corrected by what AWS was seen to answer.
package enum StateTable {
    /// The rows of the table; operations with the same answers share one.
    private enum Row {
        /// In every state.
        case always
        /// In every state but those that wait for the key's end.
        case unlessPendingDeletion
        /// Only while the key's deletion is pending.
        case onlyPendingDeletion
        /// Cryptographic use, and schedules of rotation.
        case whileUsable
        /// As cryptographic use, but a key whose store is away will do.
        case whileUsableOrUnavailable
        /// Switching the key on and off.
        case switching
        case schedulingDeletion
        /// Taking in key material and what prepares it.
        case importing(whileUpdating: Bool)
        case deletingMaterial
        case readingPublicKey
        /// Replication.
        case whileEnabled
    }

    private static func row(of operation: OperationName) -> Row? {
        switch operation {
        case .describeKey, .getKeyPolicy, .putKeyPolicy, .listKeyPolicies, .listAliases, .listResourceTags,
            .listGrants, .retireGrant, .revokeGrant, .getKeyLastUsage, .listKeyRotations, .getKeyRotationStatus,
            .deleteAlias:
            .always
        case .createAlias, .updateAlias, .tagResource, .untagResource, .updateKeyDescription: .unlessPendingDeletion
        case .cancelKeyDeletion: .onlyPendingDeletion
        case .decrypt, .encrypt, .reEncrypt, .generateDataKey, .generateDataKeyWithoutPlaintext,
            .generateDataKeyPair, .generateDataKeyPairWithoutPlaintext, .generateMac, .verifyMac, .sign, .verify,
            .deriveSharedSecret, .enableKeyRotation, .disableKeyRotation, .rotateKeyOnDemand, .updatePrimaryRegion:
            .whileUsable
        case .createGrant: .whileUsableOrUnavailable
        case .enableKey, .disableKey: .switching
        case .scheduleKeyDeletion: .schedulingDeletion
        case .getParametersForImport: .importing(whileUpdating: false)
        case .importKeyMaterial: .importing(whileUpdating: true)
        case .deleteImportedKeyMaterial: .deletingMaterial
        case .getPublicKey: .readingPublicKey
        case .replicateKey: .whileEnabled
        case .createKey, .listKeys, .generateRandom, .listRetirableGrants, .createCustomKeyStore,
            .connectCustomKeyStore, .disconnectCustomKeyStore, .updateCustomKeyStore, .deleteCustomKeyStore,
            .describeCustomKeyStores:
            nil
        }
    }

    /// Throws AWS's refusal unless `operation` may be done to a key in this state.
    ///
    /// - Parameter state: That of the key's record, or that its store is away.
    package static func check(
        _ operation: OperationName, on key: KeySnapshot, in state: KeyState
    ) throws(KMSError) {
        guard let row = row(of: operation), !allows(row, state) else { return }
        if case .onlyPendingDeletion = row {
            throw KMSError(.kmsInvalidState, "\(key.arnText) is not pending deletion.")
        }
        throw refusal(of: key.arnText, in: state)
    }

    private static func allows(_ row: Row, _ state: KeyState) -> Bool {
        let endsSoon = state == .pendingDeletion || state == .pendingReplicaDeletion
        return switch row {
        case .always: true
        case .unlessPendingDeletion: !endsSoon
        case .onlyPendingDeletion: endsSoon
        case .whileUsable: state == .enabled || state == .updating
        case .whileUsableOrUnavailable: state == .enabled || state == .updating || state == .unavailable
        case .switching: state == .enabled || state == .disabled || state == .unavailable
        case .schedulingDeletion: !endsSoon && state != .updating
        case .importing(let whileUpdating):
            state == .enabled || state == .disabled || state == .pendingImport
                || state == .updating && whileUpdating
        case .deletingMaterial: state != .creating && state != .updating && state != .unavailable
        case .readingPublicKey: state == .enabled || state == .disabled || state == .updating
        case .whileEnabled: state == .enabled
        }
    }

    /// What AWS says of a key that is in the wrong state.
    private static func refusal(of arn: String, in state: KeyState) -> KMSError {
        switch state {
        case .disabled: KMSError(.disabled, "\(arn) is disabled.")
        case .pendingDeletion: KMSError(.kmsInvalidState, "\(arn) is pending deletion.")
        case .pendingReplicaDeletion: KMSError(.kmsInvalidState, "\(arn) is pending replica deletion.")
        case .pendingImport: KMSError(.kmsInvalidState, "\(arn) is pending import.")
        case .unavailable: KMSError(.kmsInvalidState, "\(arn) is unavailable.")
        case .creating: KMSError(.kmsInvalidState, "\(arn) is creating.")
        case .updating: KMSError(.kmsInvalidState, "\(arn) is updating.")
        case .enabled: KMSError(.kmsInvalidState, "\(arn) is enabled.")
        }
    }
}
