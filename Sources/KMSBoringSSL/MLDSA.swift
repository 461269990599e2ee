internal import CCryptoBoringSSL
import KMSModel

/// ML-DSA (FIPS 204) with an empty context, hedged: what is signed twice has two signatures.
///
/// The private key is its seed of 32 bytes; what signing needs is expanded from it each time and zeroed after that.
package enum MLDSA: Sendable, CaseIterable {
    case mlDSA44
    case mlDSA65
    case mlDSA87

    /// The length of a seed, in bytes.
    package static let seedByteCount = 32

    /// The length of an encoded public key, in bytes.
    package var publicKeyByteCount: Int {
        switch self {
        case .mlDSA44: ParameterSet44.publicKeyByteCount
        case .mlDSA65: ParameterSet65.publicKeyByteCount
        case .mlDSA87: ParameterSet87.publicKeyByteCount
        }
    }

    /// The length of a signature, in bytes.
    package var signatureByteCount: Int {
        switch self {
        case .mlDSA44: ParameterSet44.signatureByteCount
        case .mlDSA65: ParameterSet65.signatureByteCount
        case .mlDSA87: ParameterSet87.signatureByteCount
        }
    }

    /// The public key that belongs to a seed, encoded (FIPS 204, algorithm 22).
    ///
    /// - Throws: ``MLDSAFailure``.
    package func publicKey(seed: UnsafeRawBufferPointer) throws(MLDSAFailure) -> [UInt8] {
        switch self {
        case .mlDSA44: try unsafe ParameterSet44.publicKey(seed: seed)
        case .mlDSA65: try unsafe ParameterSet65.publicKey(seed: seed)
        case .mlDSA87: try unsafe ParameterSet87.publicKey(seed: seed)
        }
    }

    /// Signs a message (FIPS 204, algorithm 2).
    ///
    /// - Throws: ``MLDSAFailure``.
    package func signature(
        of message: UnsafeRawBufferPointer, seed: UnsafeRawBufferPointer
    ) throws(MLDSAFailure) -> [UInt8] {
        switch self {
        case .mlDSA44: try unsafe ParameterSet44.signature(of: message, seed: seed)
        case .mlDSA65: try unsafe ParameterSet65.signature(of: message, seed: seed)
        case .mlDSA87: try unsafe ParameterSet87.signature(of: message, seed: seed)
        }
    }

    /// Signs a message representative of 64 bytes (FIPS 204, algorithm 7, from line 7 on).
    ///
    /// - Throws: ``MLDSAFailure``, also for another length.
    package func signature(
        ofRepresentative mu: UnsafeRawBufferPointer, seed: UnsafeRawBufferPointer
    ) throws(MLDSAFailure) -> [UInt8] {
        guard mu.count == MessageType.muByteCount else { throw MLDSAFailure() }
        return switch self {
        case .mlDSA44: try unsafe ParameterSet44.signature(ofRepresentative: mu, seed: seed)
        case .mlDSA65: try unsafe ParameterSet65.signature(ofRepresentative: mu, seed: seed)
        case .mlDSA87: try unsafe ParameterSet87.signature(ofRepresentative: mu, seed: seed)
        }
    }

    /// Whether `signature` is one of the message by the owner of the encoded public key (FIPS 204, algorithm 3).
    package func isSignature(_ signature: [UInt8], of message: UnsafeRawBufferPointer, by publicKey: [UInt8]) -> Bool {
        guard signature.count == signatureByteCount, publicKey.count == publicKeyByteCount else { return false }
        return switch self {
        case .mlDSA44: unsafe ParameterSet44.isSignature(signature, of: message, by: publicKey)
        case .mlDSA65: unsafe ParameterSet65.isSignature(signature, of: message, by: publicKey)
        case .mlDSA87: unsafe ParameterSet87.isSignature(signature, of: message, by: publicKey)
        }
    }
}

/// The library refused: a seed of another length, or no random bytes.
package struct MLDSAFailure: Error {}
