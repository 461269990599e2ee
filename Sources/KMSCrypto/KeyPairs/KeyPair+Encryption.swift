import KMSLibcrypto
import KMSModel

extension KeyPair {
    /// Encrypts to the public key.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` when the algorithm is not one of this key; ``CryptoFailure/tooLong``;
    ///   ``CryptoFailure/malformed`` for no plaintext at all, which SM2 does not encrypt; ``CryptoFailure/unavailable``.
    func encrypt(
        _ plaintext: UnsafeRawBufferPointer, by algorithm: EncryptionAlgorithm
    ) throws(CryptoFailure) -> [UInt8] {
        guard case .libcrypto(let key) = self else { throw .unsupported }
        let publicKey = key.publicKey
        if algorithm == .sm2PKE, unsafe plaintext.isEmpty { throw .malformed }
        do throws(LibcryptoFailure) {
            switch (key.kind, algorithm) {
            case (.rsa, .rsaesOAEPSHA1): return try unsafe publicKey.rsaEncrypt(plaintext, hash: .sha1)
            case (.rsa, .rsaesOAEPSHA256): return try unsafe publicKey.rsaEncrypt(plaintext, hash: .sha256)
            case (.sm2, .sm2PKE): return try unsafe publicKey.sm2Encrypt(plaintext)
            default: break
            }
        } catch {
            throw error == .refused ? .tooLong : .unavailable
        }
        throw .unsupported
    }

    /// Decrypts what was encrypted to the public key.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` when the algorithm is not one of this key; ``CryptoFailure/notAuthentic``
    ///   whatever is wrong with the ciphertext; ``CryptoFailure/unavailable``.
    func decrypt(_ ciphertext: [UInt8], by algorithm: EncryptionAlgorithm) throws(CryptoFailure) -> SecretBytes {
        guard case .libcrypto(let key) = self else { throw .unsupported }
        do throws(LibcryptoFailure) {
            switch (key.kind, algorithm) {
            case (.rsa, .rsaesOAEPSHA1): return try key.rsaDecrypt(ciphertext, hash: .sha1)
            case (.rsa, .rsaesOAEPSHA256): return try key.rsaDecrypt(ciphertext, hash: .sha256)
            case (.sm2, .sm2PKE): return try key.sm2Decrypt(ciphertext)
            default: break
            }
        } catch {
            throw error == .refused ? .notAuthentic : .unavailable
        }
        throw .unsupported
    }

    /// The secret that this key shares with the owner of `peer`, a DER of a SubjectPublicKeyInfo: an x coordinate.
    ///
    /// - Throws: ``CryptoFailure/malformed`` when that is not a public key on the same curve; ``CryptoFailure/unsupported``
    ///   for a key that agrees on nothing; ``CryptoFailure/unavailable``.
    func sharedSecret(with peer: [UInt8]) throws(CryptoFailure) -> SecretBytes {
        guard let key = libcryptoKey, key.kind.isCurve else { throw .unsupported }
        do throws(LibcryptoFailure) {
            return try key.sharedSecret(with: PublicKey(der: peer, kind: key.kind))
        } catch {
            throw error == .refused ? .malformed : .unavailable
        }
    }
}

extension KeyPairKind {
    fileprivate var isCurve: Bool {
        switch self {
        case .rsa: false
        case .curve, .sm2: true
        }
    }
}
