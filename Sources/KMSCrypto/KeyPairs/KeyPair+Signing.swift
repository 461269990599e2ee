import KMSBoringSSL
import KMSLibcrypto
import KMSModel

extension KeyPair {
    /// Signs `message`, which is of a type and length that the algorithm takes.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` when the algorithm is not one of this key; ``CryptoFailure/unavailable``.
    func signature(
        of message: UnsafeRawBufferPointer, type: MessageType, by algorithm: SigningAlgorithm
    ) throws(CryptoFailure) -> [UInt8] {
        switch (self, algorithm.scheme) {
        case (.libcrypto(let key), .rsa(let padding, let hash)):
            let digest = try unsafe Self.digest(of: message, type: type, hash: hash)
            return try CryptoFailure.translating { () throws(LibcryptoFailure) in
                try key.rsaSignature(of: digest, hash: hash, padding: padding)
            }
        case (.libcrypto(let key), .ecdsa(let hash)):
            let digest = try unsafe Self.digest(of: message, type: type, hash: hash)
            return try CryptoFailure.translating { () throws(LibcryptoFailure) in try key.ecdsaSignature(of: digest) }
        case (.p256(_, let number), .ecdsa(let hash)):
            let digest = try unsafe Self.digest(of: message, type: type, hash: hash)
            return try Self.signature(of: digest, number)
        case (.libcrypto(let key), .sm2):
            return try CryptoFailure.translating { () throws(LibcryptoFailure) in
                try unsafe type == .digest
                    ? key.sm2Signature(ofDigest: Array(message)) : key.sm2Signature(of: message)
            }
        case (.ed25519(let key), .ed25519): return unsafe key.signature(of: message)
        case (.ed25519(let key), .ed25519Prehashed): return unsafe key.prehashedSignature(of: message)
        case (.mlDSA(let key), .mlDSA): return try unsafe key.signature(of: message, type: type)
        default: throw .unsupported
        }
    }

    /// Whether `signature` is one of `message`.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` when the algorithm is not one of this key; ``CryptoFailure/unavailable``.
    func isSignature(
        _ signature: [UInt8], of message: UnsafeRawBufferPointer, type: MessageType, by algorithm: SigningAlgorithm
    ) throws(CryptoFailure) -> Bool {
        switch (self, algorithm.scheme) {
        case (.libcrypto(let key), .rsa(let padding, let hash)):
            let digest = try unsafe Self.digest(of: message, type: type, hash: hash)
            return key.publicKey.isRSASignature(signature, of: digest, hash: hash, padding: padding)
        case (.libcrypto(let key), .ecdsa(let hash)), (.p256(let key, _), .ecdsa(let hash)):
            let digest = try unsafe Self.digest(of: message, type: type, hash: hash)
            return key.publicKey.isECDSASignature(signature, of: digest)
        case (.libcrypto(let key), .sm2):
            return unsafe type == .digest
                ? key.publicKey.isSM2Signature(signature, ofDigest: Array(message))
                : key.publicKey.isSM2Signature(signature, of: message)
        case (.ed25519(let key), .ed25519):
            return unsafe Ed25519KeyPair.isSignature(signature, of: message, by: key.publicKey)
        case (.ed25519(let key), .ed25519Prehashed):
            return unsafe Ed25519KeyPair.isPrehashedSignature(signature, of: message, by: key.publicKey)
        case (.mlDSA(let key), .mlDSA): return try unsafe key.isSignature(signature, of: message, type: type)
        default: throw .unsupported
        }
    }

    private static func signature(of digest: [UInt8], _ number: OpenMaterial) throws(CryptoFailure) -> [UInt8] {
        do throws(P256Failure) {
            return try unsafe number.withBytes { number throws(P256Failure) in
                try unsafe P256Signature.make(of: digest, privateKey: number)
            }
        } catch {
            throw .unavailable
        }
    }

    private static func digest(
        of message: UnsafeRawBufferPointer, type: MessageType, hash: HashFunction
    ) throws(CryptoFailure) -> [UInt8] {
        if type == .digest { return unsafe Array(message) }
        return try CryptoFailure.translating { () throws(LibcryptoFailure) in try unsafe hash.digest(of: message) }
    }
}

/// The parts that a signing algorithm is made of.
private enum SignatureScheme {
    case rsa(RSASignaturePadding, HashFunction)
    case ecdsa(HashFunction)
    case sm2
    case ed25519
    case ed25519Prehashed
    case mlDSA
}

extension SigningAlgorithm {
    fileprivate var scheme: SignatureScheme {
        switch self {
        case .rsassaPSSSHA256: .rsa(.pss, .sha256)
        case .rsassaPSSSHA384: .rsa(.pss, .sha384)
        case .rsassaPSSSHA512: .rsa(.pss, .sha512)
        case .rsassaPKCS1SHA256: .rsa(.pkcs1, .sha256)
        case .rsassaPKCS1SHA384: .rsa(.pkcs1, .sha384)
        case .rsassaPKCS1SHA512: .rsa(.pkcs1, .sha512)
        case .ecdsaSHA256: .ecdsa(.sha256)
        case .ecdsaSHA384: .ecdsa(.sha384)
        case .ecdsaSHA512: .ecdsa(.sha512)
        case .sm2DSA: .sm2
        case .mlDSASHAKE256: .mlDSA
        case .ed25519SHA512: .ed25519
        case .ed25519PHSHA512: .ed25519Prehashed
        }
    }
}
