import KMSBoringSSL
import KMSLibcrypto
import KMSModel

/// A key pair in the form in which it is stored and, of a data key pair, handed out.
struct EncodedKeyPair {
    /// DER of a PrivateKeyInfo (RFC 5208); of ML-DSA the seed of 32 bytes.
    let privateKey: SecretBytes
    /// DER of a SubjectPublicKeyInfo (RFC 5280).
    let publicKey: [UInt8]

    /// Makes a random key pair, which takes up to seconds for RSA.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` for a symmetric spec; ``CryptoFailure/unavailable``.
    init(generating spec: KeySpec, _ randomness: any RandomSource) throws(CryptoFailure) {
        switch spec.scheme {
        case .libcrypto(let kind):
            (privateKey, publicKey) = try CryptoFailure.translating { () throws(LibcryptoFailure) in
                let key = try PrivateKey(generating: kind)
                return (try key.pkcs8(), try key.publicKey.der())
            }
        case .ed25519:
            let seed = try SecretBytes(random: Ed25519KeyPair.seedByteCount, randomness)
            privateKey = Ed25519KeyPair.pkcs8(seed: seed)
            publicKey = Ed25519KeyPair.subjectPublicKeyInfo(seed: seed)
        case .mlDSA(let parameters):
            privateKey = try SecretBytes(random: MLDSA.seedByteCount, randomness)
            publicKey = try MLDSAKeyPair.subjectPublicKeyInfo(seed: privateKey, parameters: parameters)
        case nil: throw .unsupported
        }
    }
}

extension SecretBytes {
    /// `count` random bytes.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    convenience init(random count: Int, _ randomness: any RandomSource) throws(CryptoFailure) {
        try unsafe self.init(capacity: count) { buffer throws(CryptoFailure) in
            try unsafe randomness.fill(buffer)
            return count
        }
    }
}
