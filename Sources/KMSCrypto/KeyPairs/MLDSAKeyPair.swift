import KMSBoringSSL
import KMSLibcrypto
import KMSModel

/// A key pair of ML-DSA (FIPS 204), whose seed lies in guarded memory.
struct MLDSAKeyPair: Sendable {
    private let parameters: MLDSA
    private let seed: OpenMaterial
    /// The encoded public key.
    let publicKey: [UInt8]

    /// - Throws: ``CryptoFailure/damagedRecord`` when the seed has another length than 32; ``CryptoFailure/unavailable``.
    init(seed: UnsafeRawBufferPointer, parameters: MLDSA, arena: MaterialArena) throws(CryptoFailure) {
        guard seed.count == MLDSA.seedByteCount else { throw .damagedRecord }
        self.parameters = parameters
        publicKey = try CryptoFailure.unavailableUnless { () throws(MLDSAFailure) in
            try unsafe parameters.publicKey(seed: seed)
        }
        self.seed = try unsafe arena.store(count: seed.count) { slot in unsafe slot.copyMemory(from: seed) }
    }

    /// The DER of a SubjectPublicKeyInfo (RFC 9881, section 4).
    var subjectPublicKeyInfo: [UInt8] { Self.subjectPublicKeyInfo(publicKey, parameters) }

    // MARK: Signatures

    /// Signs a message or, of the type `EXTERNAL_MU`, its representative.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    func signature(of message: UnsafeRawBufferPointer, type: MessageType) throws(CryptoFailure) -> [UInt8] {
        try unsafe seed.withBytes { seed throws(CryptoFailure) in
            try CryptoFailure.unavailableUnless { () throws(MLDSAFailure) in
                try unsafe type == .externalMu
                    ? parameters.signature(ofRepresentative: message, seed: seed)
                    : parameters.signature(of: message, seed: seed)
            }
        }
    }

    /// Whether `signature` is one of a message or, of the type `EXTERNAL_MU`, of its representative.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    func isSignature(
        _ signature: [UInt8], of message: UnsafeRawBufferPointer, type: MessageType
    ) throws(CryptoFailure) -> Bool {
        guard type == .externalMu else {
            return unsafe parameters.isSignature(signature, of: message, by: publicKey)
        }
        let representative = unsafe Array(message)
        return try CryptoFailure.translating { () throws(LibcryptoFailure) in
            try MLDSAVerification(publicKey: publicKey).isSignature(signature, ofRepresentative: representative)
        }
    }

    // MARK: Encodings

    static func subjectPublicKeyInfo(seed: SecretBytes, parameters: MLDSA) throws(CryptoFailure) -> [UInt8] {
        let publicKey = try unsafe seed.withBytes { seed throws(CryptoFailure) in
            try CryptoFailure.unavailableUnless { () throws(MLDSAFailure) in
                try unsafe parameters.publicKey(seed: seed)
            }
        }
        return subjectPublicKeyInfo(publicKey, parameters)
    }

    /// SEQUENCE of an AlgorithmIdentifier without parameters and a BIT STRING; every length takes two bytes.
    private static func subjectPublicKeyInfo(_ publicKey: [UInt8], _ parameters: MLDSA) -> [UInt8] {
        // id-ml-dsa-44, -65 and -87: 2.16.840.1.101.3.4.3.17 to .19.
        let arc: UInt8 =
            switch parameters {
            case .mlDSA44: 17
            case .mlDSA65: 18
            case .mlDSA87: 19
            }
        let algorithm: [UInt8] = [
            0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, arc,
        ]
        func length(_ count: Int) -> [UInt8] { [0x82, UInt8(count >> 8), UInt8(count & 0xff)] }
        let bitString = [0x03] + length(publicKey.count + 1) + [0x00] + publicKey
        return [0x30] + length(algorithm.count + bitString.count) + algorithm + bitString
    }
}

extension CryptoFailure {
    /// Does work of the ML-DSA library, which refuses only what this program got wrong.
    fileprivate static func unavailableUnless<Result>(
        _ work: () throws(MLDSAFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        do throws(MLDSAFailure) {
            return try work()
        } catch {
            throw .unavailable
        }
    }
}
