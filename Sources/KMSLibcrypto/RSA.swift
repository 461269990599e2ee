import CLibcrypto
package import KMSModel

/// How an RSA signature is padded (RFC 8017, section 8).
package enum RSASignaturePadding: Sendable {
    /// RSASSA-PKCS1-v1_5.
    case pkcs1
    /// RSASSA-PSS; the mask generation function uses the same hash function, and the salt is as long as its digest.
    case pss
}

extension PrivateKey {
    /// Signs a digest of `hash` with an RSA key (RFC 8017, sections 8.1.1 and 8.2.1): as many bytes as the modulus.
    ///
    /// - Throws: ``LibcryptoFailure/refused`` when the digest has not the length of the hash; ``LibcryptoFailure/unavailable``.
    package func rsaSignature(
        of digest: [UInt8], hash: HashFunction, padding: RSASignaturePadding
    ) throws(LibcryptoFailure) -> [UInt8] {
        guard digest.count == hash.byteCount else { throw .refused }
        return try unsafe Operation.sign(digest, with: handle) { context in
            unsafe Operation.set(padding, hash, on: context)
        }
    }

    /// Decrypts one block of RSAES-OAEP with an empty label (RFC 8017, section 7.1.2).
    ///
    /// - Throws: ``LibcryptoFailure/refused`` whatever is wrong with the ciphertext.
    package func rsaDecrypt(_ ciphertext: [UInt8], hash: HashFunction) throws(LibcryptoFailure) -> SecretBytes {
        // libcrypto would take one whose first bytes are zero and left out.
        guard ciphertext.count == byteCount else { throw .refused }
        return try unsafe Operation.decrypt(ciphertext, with: handle) { context in
            unsafe Operation.setOAEP(hash, on: context)
        }
    }
}

extension PublicKey {
    /// Whether `signature` is one of the digest by the RSA key (RFC 8017, sections 8.1.2 and 8.2.2).
    package func isRSASignature(
        _ signature: [UInt8], of digest: [UInt8], hash: HashFunction, padding: RSASignaturePadding
    ) -> Bool {
        // libcrypto would take a PSS signature whose first bytes are zero and left out.
        guard digest.count == hash.byteCount, signature.count == byteCount else { return false }
        return unsafe Operation.isSignature(signature, of: digest, with: handle) { context in
            unsafe Operation.set(padding, hash, on: context)
        }
    }

    /// Encrypts one block by RSAES-OAEP with an empty label (RFC 8017, section 7.1.1).
    ///
    /// - Throws: ``LibcryptoFailure/refused`` when the plaintext is too long.
    package func rsaEncrypt(
        _ plaintext: UnsafeRawBufferPointer, hash: HashFunction
    ) throws(LibcryptoFailure) -> [UInt8] {
        try unsafe Operation.encrypt(plaintext, with: handle) { context in unsafe Operation.setOAEP(hash, on: context) }
    }
}

extension Operation {
    fileprivate static func set(
        _ padding: RSASignaturePadding, _ hash: HashFunction, on context: OpaquePointer
    ) -> Bool {
        guard let algorithm = unsafe hash.algorithm else { return false }
        switch padding {
        case .pkcs1:
            return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
                && EVP_PKEY_CTX_set_signature_md(context, algorithm) == 1
        case .pss:
            return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
                && EVP_PKEY_CTX_set_signature_md(context, algorithm) == 1
                && EVP_PKEY_CTX_set_rsa_mgf1_md(context, algorithm) == 1
                && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
        }
    }

    fileprivate static func setOAEP(_ hash: HashFunction, on context: OpaquePointer) -> Bool {
        guard let algorithm = unsafe hash.algorithm else { return false }
        return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_oaep_md(context, algorithm) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md(context, algorithm) == 1
    }
}
