import Crypto
import KMSModel

/// How secrets are encrypted for the store, version 1: `version ‖ nonce ‖ ciphertext ‖ tag`.
///
/// What a secret belongs to is additional data, so a record that was edited, or put in the place of another, does not open.
enum Wrapping {
    static let version: UInt8 = 1

    static func wrap(
        _ secret: SecretBytes, under key: SymmetricKey, binding: [UInt8], _ randomness: any RandomSource
    ) throws(CryptoFailure) -> [UInt8] {
        let nonce = try randomness.bytes(Sealing.nonceByteCount)
        var wrapped: [UInt8] = [version]
        try unsafe secret.withBytes { secret throws(CryptoFailure) in
            try unsafe Sealing.seal(secret, under: key, nonce: nonce[...], binding: binding, to: &wrapped)
        }
        return wrapped
    }

    /// Opens `wrapped` and lends the secret to `body`.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` whatever is wrong with the record: nobody sent it, so nobody may be told
    ///   that something they sent is wrong; what `body` throws.
    static func open<Result>(
        _ wrapped: [UInt8], under key: SymmetricKey, binding: [UInt8],
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        guard wrapped.first == version else { throw .damagedRecord }
        do throws(CryptoFailure) {
            return try unsafe Sealing.open(wrapped.dropFirst(), under: key, binding: binding, body)
        } catch .notAuthentic {
            throw .damagedRecord
        } catch .malformed {
            throw .damagedRecord
        }
    }

    /// What key material is bound to.
    static func binding(of id: KeyMaterialID, key: KeyARN, spec: KeySpec) -> [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine key material")
        encoding.append([version])
        encoding.append(key.account.description)
        encoding.append(key.region.description)
        encoding.append(key.keyID.description)
        encoding.append(id.bytes)
        encoding.append(spec.rawValue)
        return encoding.bytes
    }

    /// What a token for the import of material is bound to.
    static func binding(ofImportTokenFor key: KeyARN, spec: KeySpec) -> [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine import token")
        encoding.append([version])
        encoding.append(key.account.description)
        encoding.append(key.region.description)
        encoding.append(key.keyID.description)
        encoding.append(spec.rawValue)
        return encoding.bytes
    }

    /// What the secret of an access key is bound to.
    static func binding(ofSecret accessKeyID: String, account: AccountID) -> [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine access key secret")
        encoding.append([version])
        encoding.append(account.description)
        encoding.append(accessKeyID)
        return encoding.bytes
    }

    /// What the secret of a custom key store is bound to.
    static func binding(ofKeyStore store: CustomKeyStoreID, in realm: Realm) -> [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine key store secret")
        encoding.append([version])
        encoding.append(realm.account.description)
        encoding.append(realm.region.description)
        encoding.append(store.description)
        return encoding.bytes
    }
}
