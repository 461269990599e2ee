/// Why libcrypto refused.
///
/// It never says more, because what it could say of a decryption is what an attacker wants to know.
package enum LibcryptoFailure: Error, Sendable {
    /// What was given cannot be used: not a key, not a ciphertext of this key.
    case refused
    /// The library could not do its work: no memory, no random bytes.
    case unavailable
}
