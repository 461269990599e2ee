import Crypto
import KMSModel

// The key that chains the audit log, version 1. The layout is in docs/formats.md.

extension Keyring {
    private static let auditKeyByteCount = 32

    /// The key for the chain of an audit log wrapped under the current root key; nil when it is already.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when it opens under neither root key.
    package func renewed(auditKey wrapped: [UInt8]) throws(CryptoFailure) -> [UInt8]? {
        try renewed(wrapped, binding: Self.auditKeyBinding) { $0.audit }
    }

    /// What the key is bound to: there is one for each store.
    private static var auditKeyBinding: [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine audit key")
        encoding.append([Wrapping.version])
        return encoding.bytes
    }

    /// A new random key for the chain of an audit log, wrapped for the store.
    ///
    /// It is not derived from the root key, so that the chain goes on when there is another root key: then this is wrapped
    /// anew.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package func makeAuditKey() throws(CryptoFailure) -> [UInt8] {
        try Wrapping.wrap(
            SecretBytes(random: Self.auditKeyByteCount, randomness), under: domains.audit,
            binding: Self.auditKeyBinding, randomness)
    }

    /// Opens a stored key for the chain of an audit log.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when it is not what was wrapped; ``CryptoFailure/unavailable``.
    package func openAuditKey(_ wrapped: [UInt8]) throws(CryptoFailure) -> AuditChain {
        try unsafe open(wrapped, binding: Self.auditKeyBinding, under: { $0.audit }) {
            key throws(CryptoFailure) in
            guard key.count == Self.auditKeyByteCount else { throw .damagedRecord }
            return AuditChain(
                try unsafe GuardedBytes(count: key.count) { memory in unsafe memory.copyMemory(from: key) }, randomness)
        }
    }
}

/// Makes the codes that tie each record of an audit log to the one before.
///
/// Who does not have the key can take records away from the end, but cannot make, change or move one.
package final class AuditChain: Sendable {
    /// The length of a code, in bytes.
    package static let codeByteCount = HMACSHA256.byteCount

    let key: GuardedBytes
    let randomness: any RandomSource

    init(_ key: GuardedBytes, _ randomness: any RandomSource) {
        self.key = key
        self.randomness = randomness
    }

    /// The chain of the log of one node among many that share a store.
    ///
    /// Its key is derived from this one's with the node's name, so that what one node wrote does not pass for what another
    /// did, and the store need keep one key for all.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when there is no guarded memory for it.
    package func chain(ofNode node: String) throws(CryptoFailure) -> AuditChain {
        var info = CanonicalEncoding(label: "chatelaine audit node")
        info.append([1])
        info.append(node)
        let derived = unsafe key.withBytes { unsafe Derivation.hkdf($0, info: info.bytes) }
        let guarded: Result<GuardedBytes, CryptoFailure> = unsafe derived.withUnsafeBytes { bytes in
            Result { () throws(CryptoFailure) in
                try unsafe GuardedBytes(count: bytes.count) { memory in unsafe memory.copyMemory(from: bytes) }
            }
        }
        return AuditChain(try guarded.get(), randomness)
    }

    /// The code of a record.
    ///
    /// - Parameters:
    ///   - digest: The SHA-256 of the record as it would be without the chain.
    ///   - previous: The code of the record before; of the first one, what the chain begins with.
    package func code(ofRecord digest: [UInt8], sequence: UInt64, after previous: [UInt8]) -> [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine audit record")
        encoding.append([1])
        encoding.append(previous)
        encoding.append(sequence)
        encoding.append(digest)
        return code(of: encoding)
    }

    /// The code of the store's note of how far the log went.
    ///
    /// - Parameter code: That of the record with this number.
    package func code(ofAnchor sequence: UInt64, _ code: [UInt8]) -> [UInt8] {
        self.code(of: CanonicalEncoding(label: "chatelaine audit anchor"), sequence, code)
    }

    /// The code of the store's note of where the log begins.
    ///
    /// - Parameter code: That of the record with this number, the last one that was removed.
    package func code(ofBase sequence: UInt64, _ code: [UInt8]) -> [UInt8] {
        self.code(of: CanonicalEncoding(label: "chatelaine audit base"), sequence, code)
    }

    private func code(of label: consuming CanonicalEncoding, _ sequence: UInt64, _ code: [UInt8]) -> [UInt8] {
        var encoding = label
        encoding.append([1])
        encoding.append(sequence)
        encoding.append(code)
        return self.code(of: encoding)
    }

    private func code(of message: borrowing CanonicalEncoding) -> [UInt8] {
        unsafe [UInt8](count: HMACSHA256.byteCount) { code in
            unsafe message.withBytes { message in
                unsafe key.withBytes { key in unsafe HMACSHA256.authenticate(message, key: key, to: code) }
            }
        }
    }
}
