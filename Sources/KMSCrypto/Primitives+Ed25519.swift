import KMSModel

extension Primitives {
    /// The public key of an Ed25519 seed (RFC 8032, section 5.1.5): 32 bytes.
    package static func ed25519PublicKey(seed: [UInt8]) throws(CryptoFailure) -> [UInt8] {
        try ed25519KeyPair(seed).publicKey
    }

    /// An Ed25519 or Ed25519ph signature (RFC 8032, section 5.1.6): 64 bytes.
    package static func ed25519Signature(
        of message: [UInt8], seed: [UInt8], isPrehashed: Bool
    ) throws(CryptoFailure) -> [UInt8] {
        let keyPair = try ed25519KeyPair(seed)
        return unsafe message.withUnsafeBytes { message in
            unsafe isPrehashed ? keyPair.prehashedSignature(of: message) : keyPair.signature(of: message)
        }
    }

    /// Whether `signature` is one of the message (RFC 8032, section 5.1.7).
    package static func isEd25519Signature(
        _ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8], isPrehashed: Bool
    ) -> Bool {
        unsafe message.withUnsafeBytes { message in
            unsafe isPrehashed
                ? Ed25519KeyPair.isPrehashedSignature(signature, of: message, by: publicKey)
                : Ed25519KeyPair.isSignature(signature, of: message, by: publicKey)
        }
    }

    private static func ed25519KeyPair(_ seed: [UInt8]) throws(CryptoFailure) -> Ed25519KeyPair {
        let arena = try MaterialArena(slotCount: 1)
        let encoded = Ed25519KeyPair.pkcs8(seed: SecretBytes(copying: seed))
        return try unsafe encoded.withBytes { der throws(CryptoFailure) in
            try unsafe Ed25519KeyPair(pkcs8: der, arena: arena)
        }
    }
}
