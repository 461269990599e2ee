import KMSBoringSSL
import KMSLibcrypto
import KMSModel

/// The material of an asymmetric key, opened and in use.
///
/// Which library does the work is nobody's business outside.
enum KeyPair: Sendable {
    /// RSA, the curves of ECDSA and ECDH, and SM2.
    case libcrypto(PrivateKey)
    /// P-256: BoringSSL signs with the number, libcrypto does the rest.
    case p256(PrivateKey, number: OpenMaterial)
    case ed25519(Ed25519KeyPair)
    case mlDSA(MLDSAKeyPair)

    /// Opens what ``EncodedKeyPair`` holds for a key of this spec.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` for anything else; ``CryptoFailure/unsupported`` for a symmetric spec.
    init(_ privateKey: UnsafeRawBufferPointer, spec: KeySpec, arena: MaterialArena) throws(CryptoFailure) {
        switch spec.scheme {
        case .libcrypto(let kind):
            let key: PrivateKey
            do throws(LibcryptoFailure) {
                key = try unsafe PrivateKey(pkcs8: privateKey, kind: kind)
            } catch {
                throw error == .refused ? .damagedRecord : .unavailable
            }
            self = kind == .curve(.p256) ? .p256(key, number: try Self.number(of: key, arena)) : .libcrypto(key)
        case .ed25519: self = .ed25519(try unsafe Ed25519KeyPair(pkcs8: privateKey, arena: arena))
        case .mlDSA(let parameters):
            self = .mlDSA(try unsafe MLDSAKeyPair(seed: privateKey, parameters: parameters, arena: arena))
        case nil: throw .unsupported
        }
    }

    private static func number(of key: PrivateKey, _ arena: MaterialArena) throws(CryptoFailure) -> OpenMaterial {
        try unsafe arena.store(count: P256Signature.privateKeyByteCount) { slot throws(CryptoFailure) in
            try CryptoFailure.translating { () throws(LibcryptoFailure) in try unsafe key.writeNumber(to: slot) }
        }
    }

    /// The key in libcrypto's memory, where it is there.
    var libcryptoKey: PrivateKey? {
        switch self {
        case .libcrypto(let key), .p256(let key, _): key
        case .ed25519, .mlDSA: nil
        }
    }

    /// The DER of a SubjectPublicKeyInfo (RFC 5280).
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    var publicKey: [UInt8] {
        get throws(CryptoFailure) {
            switch self {
            case .libcrypto(let key), .p256(let key, _):
                try CryptoFailure.translating { () throws(LibcryptoFailure) in try key.publicKey.der() }
            case .ed25519(let key): key.subjectPublicKeyInfo
            case .mlDSA(let key): key.subjectPublicKeyInfo
            }
        }
    }
}

/// What makes and uses the key pairs of a spec.
enum KeyPairScheme {
    case libcrypto(KeyPairKind)
    case ed25519
    case mlDSA(MLDSA)
}

extension KeySpec {
    /// Nil for a symmetric spec.
    var scheme: KeyPairScheme? {
        switch self {
        case .symmetricDefault, .hmac224, .hmac256, .hmac384, .hmac512: nil
        case .rsa2048, .rsa3072, .rsa4096: modulusBits.map { .libcrypto(.rsa(bits: $0)) }
        case .eccNISTP256: .libcrypto(.curve(.p256))
        case .eccNISTP384: .libcrypto(.curve(.p384))
        case .eccNISTP521: .libcrypto(.curve(.p521))
        case .eccSECGP256K1: .libcrypto(.curve(.secp256k1))
        case .sm2: .libcrypto(.sm2)
        case .eccNISTEdwards25519: .ed25519
        case .mlDSA44: .mlDSA(.mlDSA44)
        case .mlDSA65: .mlDSA(.mlDSA65)
        case .mlDSA87: .mlDSA(.mlDSA87)
        }
    }
}

extension CryptoFailure {
    /// Does `work` of libcrypto, which refuses only what a caller gave.
    static func translating<Result>(
        _ work: () throws(LibcryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        do throws(LibcryptoFailure) {
            return try work()
        } catch {
            switch error {
            case .refused: throw .notAuthentic
            case .unavailable: throw .unavailable
            }
        }
    }
}
