import Crypto
import KMSModel

/// The primitives under the formats, as the formats use them, on plain bytes: the place where published test vectors
/// are held against them.
///
/// Nothing but tests has a use for it: here keys are arrays, which nobody zeroes.
package enum Primitives {
    /// HMAC-SHA-256 (FIPS 198-1), as requests are signed: 32 bytes.
    package static func hmac(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        SigningKey(SymmetricKey(data: key)).signature(of: message)
    }

    /// HKDF-SHA-256 (RFC 5869), as domain keys are derived, but for their empty salt: 32 bytes.
    package static func hkdf(_ secret: [UInt8], salt: [UInt8], info: [UInt8]) -> [UInt8] {
        unsafe secret.withUnsafeBytes { secret in
            bytes(of: unsafe Derivation.hkdf(secret, salt: salt, info: info))
        }
    }

    /// The key of a domain: 32 bytes.
    ///
    /// `docs/formats.md` has the purposes and names.
    package static func domainKey(_ rootKey: [UInt8], purpose: String, name: String) -> [UInt8] {
        unsafe rootKey.withUnsafeBytes { rootKey in
            bytes(of: unsafe DomainKeys.derive(from: rootKey, purpose: purpose, name: name))
        }
    }

    /// One block of the KDF in counter mode (NIST SP 800-108r1), as message keys are derived: 32 bytes.
    ///
    /// - Parameter fixedInput: What follows the 32-bit counter.
    package static func counterMode(_ secret: [UInt8], fixedInput: [UInt8]) -> [UInt8] {
        unsafe secret.withUnsafeBytes { secret in
            bytes(of: unsafe Derivation.counterMode(secret) { $0.append(fixedInput) })
        }
    }

    /// AES-256-GCM (NIST SP 800-38D) with a key of 32 bytes and a nonce of 12: `nonce ‖ ciphertext ‖ tag`.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when the nonce is shorter.
    package static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]
    ) throws(CryptoFailure) -> [UInt8] {
        var output: [UInt8] = []
        let result: Result<Void, CryptoFailure> = unsafe plaintext.withUnsafeBytes { plaintext in
            Result { () throws(CryptoFailure) in
                try unsafe Sealing.seal(
                    plaintext, under: SymmetricKey(data: key), nonce: nonce[...], binding: additionalData, to: &output
                )
            }
        }
        try result.get()
        return output
    }

    /// The plaintext of what ``seal(_:key:nonce:additionalData:)`` made.
    ///
    /// - Throws: ``CryptoFailure/notAuthentic``, ``CryptoFailure/malformed``.
    package static func open(
        _ sealed: [UInt8], key: [UInt8], additionalData: [UInt8]
    ) throws(CryptoFailure) -> [UInt8] {
        try unsafe Sealing.open(sealed[...], under: SymmetricKey(data: key), binding: additionalData) {
            unsafe Array($0)
        }
    }

    private static func bytes(of key: SymmetricKey) -> [UInt8] {
        unsafe key.withUnsafeBytes { unsafe Array($0) }
    }
}
