import CLibcrypto
package import KMSModel

/// The hash of RSAES-OAEP; its mask generation function uses the same (RFC 8017, section 7.1).
package enum OAEPHash: Sendable {
    case sha1
    case sha256
}

/// An RSA private key in libcrypto's memory, which zeroes it when it is freed.
///
/// `@unchecked Sendable`: the key is not changed after the initializer, and libcrypto's keys may be used by several
/// threads at once (openssl-threads(7)).
@safe package final class RSAPrivateKey: @unchecked Sendable {
    private let key: OpaquePointer

    /// Makes a random key with the public exponent 65537, which takes up to seconds.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package init(generatingBits bits: Int) throws(LibcryptoFailure) {
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "RSA", nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        guard unsafe EVP_PKEY_keygen_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, Int32(bits)) == 1,
            unsafe EVP_PKEY_generate(context, &made) == 1, let made = unsafe made
        else { throw .unavailable }
        unsafe key = made
    }

    /// Reads the DER of an RSAPrivateKey (RFC 8017, appendix A.1.2).
    ///
    /// - Throws: ``LibcryptoFailure/refused`` for anything else, or when something follows it.
    package init(der: UnsafeRawBufferPointer) throws(LibcryptoFailure) {
        var position = unsafe der.bindMemory(to: UInt8.self).baseAddress
        let start = unsafe position
        guard let read = unsafe d2i_PrivateKey(EVP_PKEY_RSA, nil, &position, der.count) else { throw .refused }
        guard let start = unsafe start, unsafe position == start + der.count else {
            unsafe EVP_PKEY_free(read)
            throw .refused
        }
        unsafe key = read
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// The key as DER of an RSAPrivateKey (RFC 8017, appendix A.1.2).
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func der() throws(LibcryptoFailure) -> SecretBytes {
        let count = unsafe Int(i2d_PrivateKey(key, nil))
        guard count > 0 else { throw .unavailable }
        return try unsafe SecretBytes(capacity: count) { buffer throws(LibcryptoFailure) in
            var position = unsafe buffer.bindMemory(to: UInt8.self).baseAddress
            guard unsafe i2d_PrivateKey(key, &position) == count else { throw .unavailable }
            return count
        }
    }

    /// The public key as DER of a SubjectPublicKeyInfo (RFC 5280).
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func publicKeyDER() throws(LibcryptoFailure) -> [UInt8] {
        let count = unsafe Int(i2d_PUBKEY(key, nil))
        guard count > 0 else { throw .unavailable }
        var der = [UInt8](repeating: 0, count: count)
        let written = unsafe der.withUnsafeMutableBufferPointer { buffer in
            var position = buffer.baseAddress
            return unsafe Int(i2d_PUBKEY(key, &position))
        }
        guard written == count else { throw .unavailable }
        return der
    }

    /// The length of the modulus, which is that of a ciphertext, in bytes.
    package var byteCount: Int { unsafe Int(EVP_PKEY_get_size(key)) }

    /// Decrypts one block of RSAES-OAEP with an empty label (RFC 8017, section 7.1.2).
    ///
    /// - Throws: ``LibcryptoFailure/refused`` whatever is wrong with the ciphertext.
    package func decryptOAEP(
        _ ciphertext: UnsafeRawBufferPointer, hash: OAEPHash
    ) throws(LibcryptoFailure) -> SecretBytes {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        let digest = unsafe hash == .sha1 ? EVP_sha1() : EVP_sha256()
        guard unsafe EVP_PKEY_decrypt_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1,
            unsafe EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) == 1,
            unsafe EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1
        else { throw .unavailable }
        return try unsafe SecretBytes(capacity: byteCount) { buffer throws(LibcryptoFailure) in
            var count = buffer.count
            let source = unsafe ciphertext.bindMemory(to: UInt8.self)
            let target = unsafe buffer.bindMemory(to: UInt8.self)
            guard unsafe EVP_PKEY_decrypt(context, target.baseAddress, &count, source.baseAddress, source.count) == 1
            else { throw .refused }
            return count
        }
    }
}
