import CSodium
import KMSModel

/// A key pair of Ed25519 (RFC 8032), whose private part lies in guarded memory.
struct Ed25519KeyPair: Sendable {
    static let seedByteCount = 32
    private static let publicKeyByteCount = 32
    private static let signatureByteCount = 64

    /// What precedes the seed in the DER of a PrivateKeyInfo (RFC 8410, section 7).
    private static let pkcs8Prefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]
    /// What precedes the public key in the DER of a SubjectPublicKeyInfo (RFC 8410, section 4).
    private static let spkiPrefix: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]

    /// The seed and the public key, 64 bytes, as libsodium signs with them.
    private let secretKey: OpenMaterial
    /// The encoded point.
    let publicKey: [UInt8]

    /// - Throws: ``CryptoFailure/damagedRecord`` for anything but the one encoding; ``CryptoFailure/unavailable``.
    init(pkcs8 der: UnsafeRawBufferPointer, arena: MaterialArena) throws(CryptoFailure) {
        guard unsafe Self.isPKCS8(der) else { throw .damagedRecord }
        let seed = unsafe UnsafeRawBufferPointer(rebasing: der.suffix(Self.seedByteCount))
        var publicKey = [UInt8](repeating: 0, count: Self.publicKeyByteCount)
        secretKey = try unsafe arena.store(count: 64) { slot in
            unsafe Self.expand(seed, secretKey: slot, publicKey: &publicKey)
        }
        self.publicKey = publicKey
    }

    /// The DER of a SubjectPublicKeyInfo (RFC 8410, section 4).
    var subjectPublicKeyInfo: [UInt8] { Self.spkiPrefix + publicKey }

    // MARK: Signatures

    /// Signs a message (RFC 8032, section 5.1.6): 64 bytes, always the same.
    func signature(of message: UnsafeRawBufferPointer) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Self.signatureByteCount)
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        _ = unsafe secretKey.withBytes { key in
            unsafe crypto_sign_ed25519_detached(
                &signature, nil, bytes.baseAddress, UInt64(bytes.count), Self.address(of: key)
            )
        }
        return signature
    }

    /// Signs by Ed25519ph, which hashes the message once more (RFC 8032, section 5.1, with an empty context).
    func prehashedSignature(of message: UnsafeRawBufferPointer) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Self.signatureByteCount)
        var state = unsafe Self.prehash(message)
        _ = unsafe secretKey.withBytes { key in
            unsafe crypto_sign_ed25519ph_final_create(&state, &signature, nil, Self.address(of: key))
        }
        return signature
    }

    /// Whether `signature` is one of the message by the owner of the encoded public key (RFC 8032, section 5.1.7).
    static func isSignature(_ signature: [UInt8], of message: UnsafeRawBufferPointer, by publicKey: [UInt8]) -> Bool {
        guard signature.count == signatureByteCount, publicKey.count == publicKeyByteCount else { return false }
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        return unsafe crypto_sign_ed25519_verify_detached(
            signature, bytes.baseAddress, UInt64(bytes.count), publicKey
        ) == 0
    }

    /// The same for Ed25519ph.
    static func isPrehashedSignature(
        _ signature: [UInt8], of message: UnsafeRawBufferPointer, by publicKey: [UInt8]
    ) -> Bool {
        guard signature.count == signatureByteCount, publicKey.count == publicKeyByteCount else { return false }
        var state = unsafe prehash(message)
        return unsafe crypto_sign_ed25519ph_final_verify(&state, signature, publicKey) == 0
    }

    private static func prehash(_ message: UnsafeRawBufferPointer) -> crypto_sign_ed25519ph_state {
        var state = crypto_sign_ed25519ph_state()
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        unsafe crypto_sign_ed25519ph_init(&state)
        unsafe crypto_sign_ed25519ph_update(&state, bytes.baseAddress, UInt64(bytes.count))
        return state
    }

    // MARK: Encodings

    /// Whether this is the DER of a PrivateKeyInfo without attributes: the only encoding that is taken.
    static func isPKCS8(_ der: UnsafeRawBufferPointer) -> Bool {
        unsafe der.count == pkcs8Prefix.count + seedByteCount && der.starts(with: pkcs8Prefix)
    }

    static func pkcs8(seed: SecretBytes) -> SecretBytes {
        unsafe SecretBytes(capacity: pkcs8Prefix.count + seed.count) { buffer in
            unsafe buffer.copyBytes(from: pkcs8Prefix)
            unsafe seed.withBytes { seed in
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[pkcs8Prefix.count...]).copyMemory(from: seed)
            }
            return buffer.count
        }
    }

    static func subjectPublicKeyInfo(seed: SecretBytes) -> [UInt8] {
        var publicKey = [UInt8](repeating: 0, count: publicKeyByteCount)
        unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { secretKey in
            defer { unsafe sodium_memzero(secretKey.baseAddress, secretKey.count) }
            unsafe seed.withBytes { unsafe expand($0, secretKey: secretKey, publicKey: &publicKey) }
        }
        return spkiPrefix + publicKey
    }

    private static func expand(
        _ seed: UnsafeRawBufferPointer, secretKey: UnsafeMutableRawBufferPointer, publicKey: inout [UInt8]
    ) {
        guard let output = unsafe secretKey.bindMemory(to: UInt8.self).baseAddress else {
            preconditionFailure("a secret key is 64 bytes")
        }
        unsafe crypto_sign_ed25519_seed_keypair(&publicKey, output, address(of: seed))
    }

    private static func address(of key: UnsafeRawBufferPointer) -> UnsafePointer<UInt8> {
        guard let address = unsafe key.bindMemory(to: UInt8.self).baseAddress else {
            preconditionFailure("a key is never empty")
        }
        return unsafe address
    }
}
