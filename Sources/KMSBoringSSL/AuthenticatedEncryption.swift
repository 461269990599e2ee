internal import CCryptoBoringSSL

/// AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag, straight from memory to memory.
///
/// swift-crypto's copies keys and texts to memory that nobody zeroes, and takes several times as long for short texts. The
/// expanded key is on the stack here, and zeroed.
package enum AES256GCM {
    /// The length of a key, in bytes.
    package static let keyByteCount = 32
    /// The length of a nonce, in bytes.
    package static let nonceByteCount = 12
    /// The length of a tag, in bytes.
    package static let tagByteCount = 16

    /// Writes the sealed `plaintext`, the tag behind it, to all of `output`.
    ///
    /// - Returns: False when a length is not what it has to be; then there is nothing in `output`.
    package static func seal(
        _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer,
        binding additionalData: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard output.count == plaintext.count + tagByteCount else { return false }
        return unsafe withContext(key, nonce) { context in
            var count = 0
            return unsafe CCryptoBoringSSL_EVP_AEAD_CTX_seal(
                context, output.bindMemory(to: UInt8.self).baseAddress, &count, output.count,
                nonce.bindMemory(to: UInt8.self).baseAddress, nonce.count,
                plaintext.bindMemory(to: UInt8.self).baseAddress, plaintext.count,
                additionalData.bindMemory(to: UInt8.self).baseAddress, additionalData.count) == 1
                && count == output.count
        }
    }

    /// Writes what `sealed`, with the tag at its end, was made from to all of `output`.
    ///
    /// - Returns: False when anything was changed, or a length is not what it has to be; then `output` says nothing of the
    ///   plaintext.
    package static func open(
        _ sealed: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer,
        binding additionalData: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard sealed.count == output.count + tagByteCount else { return false }
        return unsafe withContext(key, nonce) { context in
            var count = 0
            return unsafe CCryptoBoringSSL_EVP_AEAD_CTX_open(
                context, output.bindMemory(to: UInt8.self).baseAddress, &count, output.count,
                nonce.bindMemory(to: UInt8.self).baseAddress, nonce.count,
                sealed.bindMemory(to: UInt8.self).baseAddress, sealed.count,
                additionalData.bindMemory(to: UInt8.self).baseAddress, additionalData.count) == 1
                && count == output.count
        }
    }

    private static func withContext(
        _ key: UnsafeRawBufferPointer, _ nonce: UnsafeRawBufferPointer,
        _ body: (UnsafeMutablePointer<EVP_AEAD_CTX>) -> Bool
    ) -> Bool {
        guard key.count == keyByteCount, nonce.count == nonceByteCount else { return false }
        return unsafe withUnsafeTemporaryAllocation(of: EVP_AEAD_CTX.self, capacity: 1) { memory in
            guard let context = memory.baseAddress else { return false }
            unsafe CCryptoBoringSSL_EVP_AEAD_CTX_zero(context)
            defer {
                unsafe CCryptoBoringSSL_EVP_AEAD_CTX_cleanup(context)
                unsafe CCryptoBoringSSL_OPENSSL_cleanse(context, MemoryLayout<EVP_AEAD_CTX>.size)
            }
            let isReady = unsafe CCryptoBoringSSL_EVP_AEAD_CTX_init(
                context, CCryptoBoringSSL_EVP_aead_aes_256_gcm(), key.bindMemory(to: UInt8.self).baseAddress, key.count,
                tagByteCount, nil)
            return unsafe isReady == 1 && body(context)
        }
    }
}
