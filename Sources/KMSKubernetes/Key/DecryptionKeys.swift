package import KMSModel

/// The keys that data may have been encrypted with.
///
/// Whoever can write to etcd chooses the ciphertext and the `key_id` beside it. A key of their own, which they let this
/// plugin use, would give the API server data encryption keys that they know; so only the operator says which keys count.
package struct DecryptionKeys: Sendable {
    private let isAlias: Bool
    private let previous: Set<KeyARN>

    /// - Parameters:
    ///   - reference: What new data is encrypted with: a key identifier, an ARN or an alias.
    ///   - previous: Keys that were used before.
    package init(reference: String, previous: Set<KeyARN>) {
        // An alias is a name, or an ARN that ends with one; neither a key identifier nor a key's ARN has this in it.
        isAlias = reference.contains("alias/")
        self.previous = previous
    }

    /// The key to ask for decryption with what `key` names; nil when that is none of these.
    ///
    /// An alias is one of its account's and region's, so what it pointed to before is a key there. A multi-Region key is the
    /// same in every region, so the one that is here serves for data of a cluster elsewhere.
    ///
    /// - Parameter current: The key that `reference` means now.
    package func key(for key: KeyEncryptionKey, current: KeyARN) -> KeyARN? {
        let arn = key.arn
        if arn == current || previous.contains(arn) || isAlias && arn.realm == current.realm { return arn }
        let isReplica =
            arn.keyID == current.keyID && arn.keyID.isMultiRegion && arn.account == current.account
            && arn.region.partition == current.region.partition
        return isReplica ? current : nil
    }
}
