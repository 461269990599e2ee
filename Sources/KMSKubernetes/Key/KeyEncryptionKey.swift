package import KMSModel

/// What a data encryption key of Kubernetes is encrypted with: a key, and that of its key materials which did it.
///
/// As text it is the `key_id` of Kubernetes' API, `<key ARN>#<key material id>`: it changes when the key rotates, is unique per
/// key and material, and is no secret. The API server stores it with what it encrypts and gives it back for decryption.
/// Kubernetes admits 1 to 1,024 bytes; these are 166 at the most.
package struct KeyEncryptionKey: Hashable, Sendable, CustomStringConvertible {
    private static let separator: Character = "#"

    /// The key.
    package let arn: KeyARN
    /// Its material; nil for a key that can have only one, of a custom key store, of which KMS tells no material.
    package let material: KeyMaterialID?

    package init(arn: KeyARN, material: KeyMaterialID?) {
        self.arn = arn
        self.material = material
    }

    /// Reads what ``description`` wrote, and nothing else.
    package init?(_ text: String) {
        let parts = text.split(separator: Self.separator, maxSplits: 1, omittingEmptySubsequences: false)
        guard let arn = KeyARN(parts[0]) else { return nil }
        self.arn = arn
        guard parts.count == 2 else {
            material = nil
            return
        }
        guard let material = KeyMaterialID(String(parts[1])), material.description.utf8.elementsEqual(parts[1].utf8)
        else { return nil }
        self.material = material
    }

    package var description: String {
        material.map { "\(arn)\(Self.separator)\($0)" } ?? arn.description
    }
}

extension KeyARN {
    /// Reads the ARN of a key in its canonical form; nil for anything else, such as the ARN of an alias.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[5].hasPrefix("key/"), let region = Region(parts[3]),
            let account = AccountID(parts[4]), let keyID = KeyID(String(parts[5].dropFirst(4)))
        else { return nil }
        self.init(region: region, account: account, keyID: keyID)
        // The partition follows from the region; what is left is compared with it.
        guard description.utf8.elementsEqual(text.utf8) else { return nil }
    }
}
