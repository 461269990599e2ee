import KMSLibcrypto
import KMSModel

// What comes with an import token, and what is made of it.

extension ImportToken {
    /// Decrypts material that was wrapped for this token.
    ///
    /// Source: KMS Developer Guide, "Importing key material, step 3: encrypt the key material".
    ///
    /// - Throws: ``ImportFailure/invalidMaterial`` whatever is wrong with it; ``ImportFailure/invalidToken`` for an algorithm
    ///   that is not offered; ``ImportFailure/unavailable``.
    func decrypt(_ encrypted: [UInt8]) throws(ImportFailure) -> SecretBytes {
        do throws(LibcryptoFailure) {
            switch algorithm {
            case .rsaesOAEPSHA1: return try rsaKey().rsaDecrypt(encrypted, hash: .sha1)
            case .rsaesOAEPSHA256: return try rsaKey().rsaDecrypt(encrypted, hash: .sha256)
            case .rsaAESKeyWrapSHA1: return try unwrap(encrypted, hash: .sha1)
            case .rsaAESKeyWrapSHA256: return try unwrap(encrypted, hash: .sha256)
            case .sm2PKE:
                let key = try unsafe wrappingKey.withBytes { der throws(LibcryptoFailure) in
                    try unsafe PrivateKey(pkcs8: der, kind: .sm2)
                }
                return try key.sm2Decrypt(encrypted)
            case .rsaesPKCS1: break
            }
        } catch {
            throw error == .refused ? .invalidMaterial : .unavailable
        }
        throw .invalidToken
    }

    /// An AES key, encrypted to the wrapping key, and the material, wrapped under the AES key.
    private func unwrap(_ encrypted: [UInt8], hash: HashFunction) throws(LibcryptoFailure) -> SecretBytes {
        let rsaKey = try rsaKey()
        guard encrypted.count > rsaKey.byteCount else { throw .refused }
        let aesKey = try rsaKey.rsaDecrypt(Array(encrypted.prefix(rsaKey.byteCount)), hash: hash)
        return try unsafe aesKey.withBytes { key throws(LibcryptoFailure) in
            try unsafe KeyWrap.open(encrypted.dropFirst(rsaKey.byteCount), key: key)
        }
    }

    private func rsaKey() throws(LibcryptoFailure) -> PrivateKey {
        try unsafe wrappingKey.withBytes { der throws(LibcryptoFailure) in try unsafe PrivateKey(rsaPrivateKey: der) }
    }
}

/// Material that a customer made.
enum ImportedMaterial {
    /// The longest HMAC key that is taken, in bytes.
    private static let longestHMACKey = 128

    /// The material as it is stored, if it is what a key of this spec needs.
    ///
    /// Of a private key the one encoding that this program writes, whatever it came in: the same numbers are the same
    /// material.
    ///
    /// Source: KMS Developer Guide, "Requirements for imported key material".
    ///
    /// - Throws: ``ImportFailure/invalidMaterial``, ``ImportFailure/unavailable``.
    static func accepted(_ material: UnsafeRawBufferPointer, for spec: KeySpec) throws(ImportFailure) -> SecretBytes {
        if let shortest = spec.macAlgorithm?.hash.byteCount {
            guard (shortest...longestHMACKey).contains(material.count) else { throw .invalidMaterial }
            return unsafe SecretBytes(copying: material)
        }
        switch spec.scheme {
        case nil:
            guard material.count == 32 else { throw .invalidMaterial }
            return unsafe SecretBytes(copying: material)
        case .ed25519:
            guard unsafe Ed25519KeyPair.isPKCS8(material) else { throw .invalidMaterial }
            return unsafe SecretBytes(copying: material)
        case .libcrypto(let kind):
            do throws(LibcryptoFailure) {
                return try unsafe PrivateKey(importing: material, kind: kind).pkcs8()
            } catch {
                throw error == .refused ? .invalidMaterial : .unavailable
            }
        // Nobody can bring such a key (keys of ML-DSA have the origin AWS_KMS only).
        case .mlDSA: throw .invalidMaterial
        }
    }
}
