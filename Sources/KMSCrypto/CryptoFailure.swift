/// Why the cryptography module refused.
///
/// It says what the next layer branches on, and nothing about key material.
package enum CryptoFailure: Error, Equatable, Sendable {
    /// The bytes, or what they are bound to, are not what was sealed.
    case notAuthentic
    /// The bytes cannot be what this program writes: too short, or another beginning.
    case malformed
    /// A version of a format that this program does not know.
    case unknownVersion
    /// A stored secret does not open: it was edited, belongs to another record, or was wrapped under another root key.
    case damagedRecord
    /// The plaintext is longer than the algorithm can encrypt.
    case tooLong
    /// The operation does not exist for this kind of key.
    case unsupported
    /// The system gave no guarded memory, or no random bytes.
    case unavailable
}
