import KMSAccess
import KMSModel

/// Who may do what with one key by way of a proxy; what no rule allows is denied.
///
/// It judges what the other side tells: nothing proves it but the signature of the whole request.
struct KeyStoreProxyRule: Sendable {
    let operations: Set<KeyStoreProxyOperation>
    /// The other side's keys that may be backed by the key.
    let kmsKeyARNs: WildcardPatterns
    /// Who may be calling the other side.
    let principalARNs: WildcardPatterns

    /// Whether this rule allows a request.
    ///
    /// - Parameter kmsKeyARN: Nil where the other side has no key yet: it looks at the metadata before it makes one.
    func allows(_ operation: KeyStoreProxyOperation, principalARN: String, kmsKeyARN: String?) -> Bool {
        guard operations.contains(operation), principalARNs.match(principalARN) else { return false }
        return kmsKeyARN.map(kmsKeyARNs.match) ?? (operation == .getKeyMetadata)
    }
}

/// A key of this server that a proxy offers.
struct KeyStoreProxyKey: Sendable {
    let arn: KeyARN
    let rules: [KeyStoreProxyRule]

    /// - Throws: ``KeyStoreProxyError`` with `AccessDeniedException`, which says what no rule allows.
    func authorize(
        _ operation: KeyStoreProxyOperation, for metadata: KeyStoreRequestMetadata
    ) throws(KeyStoreProxyError) {
        let isAllowed = rules.contains {
            $0.allows(operation, principalARN: metadata.principalARN, kmsKeyARN: metadata.kmsKeyARN)
        }
        guard !isAllowed else { return }
        throw KeyStoreProxyError(
            .accessDenied,
            "No rule of the external key allows \(operation.ruleName ?? "") to the principal \(metadata.principalARN) "
                + "for the KMS key \(metadata.kmsKeyARN ?? "that is to be made").")
    }
}
