import CLibcrypto

/// Why libcrypto refused.
///
/// It never says more, because what it could say of a decryption is what an attacker wants to know.
package enum LibcryptoFailure: Error, Sendable {
    /// What was given cannot be used: not a key, not a ciphertext of this key.
    case refused
    /// The library could not do its work: no memory, no random bytes.
    case unavailable
}

extension LibcryptoFailure {
    /// Why the last attempt to read a key failed: for want of memory, or because there was none to read.
    static var ofReading: LibcryptoFailure {
        let reason = ERR_GET_REASON(ERR_peek_last_error())
        let first = ERR_GET_REASON(ERR_peek_error())
        return [reason, first].contains { Int($0) == Int(ERR_R_MALLOC_FAILURE) } ? .unavailable : .refused
    }
}
