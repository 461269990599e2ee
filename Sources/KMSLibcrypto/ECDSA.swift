import CLibcrypto

extension PrivateKey {
    /// Signs a digest by ECDSA (FIPS 186-5, section 6.4.1): DER of an Ecdsa-Sig-Value (RFC 3279).
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func ecdsaSignature(of digest: [UInt8]) throws(LibcryptoFailure) -> [UInt8] {
        try unsafe Operation.sign(digest, with: handle)
    }
}

extension PublicKey {
    /// Whether `signature` is one of the digest (FIPS 186-5, section 6.4.2); encodings other than DER are refused.
    package func isECDSASignature(_ signature: [UInt8], of digest: [UInt8]) -> Bool {
        unsafe Operation.isSignature(signature, of: digest, with: handle)
    }
}
