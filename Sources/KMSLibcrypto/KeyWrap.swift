import CLibcrypto
package import KMSModel

/// AES key wrap with padding (RFC 5649, NIST SP 800-38F, KWP).
package enum KeyWrap {
    /// Opens what was wrapped under an AES key of 32 bytes.
    ///
    /// - Throws: ``LibcryptoFailure/refused`` whatever is wrong with it.
    package static func open(
        _ wrapped: ArraySlice<UInt8>, key: UnsafeRawBufferPointer
    ) throws(LibcryptoFailure) -> SecretBytes {
        guard key.count == 32, (16...8192).contains(wrapped.count), wrapped.count % 8 == 0 else { throw .refused }
        guard let context = unsafe EVP_CIPHER_CTX_new() else { throw .unavailable }
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        unsafe EVP_CIPHER_CTX_set_flags(context, Int32(EVP_CIPHER_CTX_FLAG_WRAP_ALLOW))
        let keyBytes = unsafe key.bindMemory(to: UInt8.self).baseAddress
        guard unsafe EVP_DecryptInit_ex(context, EVP_aes_256_wrap_pad(), nil, keyBytes, nil) == 1 else {
            throw .unavailable
        }
        let source = Array(wrapped)
        return try unsafe SecretBytes(capacity: source.count) { buffer throws(LibcryptoFailure) in
            let target = unsafe buffer.bindMemory(to: UInt8.self).baseAddress
            var count: Int32 = 0
            guard unsafe EVP_DecryptUpdate(context, target, &count, source, Int32(source.count)) == 1, count > 0 else {
                throw .refused
            }
            return Int(count)
        }
    }
}
