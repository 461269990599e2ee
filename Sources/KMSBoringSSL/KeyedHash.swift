internal import CCryptoBoringSSL

/// HMAC-SHA-256 (FIPS 198-1) over BoringSSL's SHA-256, which uses the processor's own instructions for it.
///
/// The padded key and the states of the hash are on the stack and zeroed, where swift-crypto copies the key to arrays that
/// nobody zeroes.
package enum KeyedHash {
    /// The length of a code, in bytes.
    package static let byteCount = Int(SHA256_DIGEST_LENGTH)
    private static let blockByteCount = Int(SHA256_CBLOCK)

    /// Writes the code of `message` to the 32 bytes of `output`.
    package static func authenticate(
        _ message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer
    ) {
        guard output.count == byteCount, let code = unsafe output.bindMemory(to: UInt8.self).baseAddress else {
            preconditionFailure("the code is 32 bytes")
        }
        var state = SHA256_CTX()
        unsafe withUnsafeTemporaryAllocation(byteCount: blockByteCount, alignment: 16) { pad in
            unsafe pad.initializeMemory(as: UInt8.self, repeating: 0)
            if key.count > blockByteCount {
                guard let start = unsafe pad.bindMemory(to: UInt8.self).baseAddress else { return }
                unsafe hash(key, UnsafeRawBufferPointer(start: nil, count: 0), to: start, &state)
            } else {
                unsafe pad.copyMemory(from: key)
            }
            unsafe flip(pad, 0x36)
            unsafe hash(UnsafeRawBufferPointer(pad), message, to: code, &state)
            unsafe flip(pad, 0x36 ^ 0x5c)
            unsafe hash(UnsafeRawBufferPointer(pad), UnsafeRawBufferPointer(output), to: code, &state)
            unsafe CCryptoBoringSSL_OPENSSL_cleanse(pad.baseAddress, pad.count)
        }
        unsafe CCryptoBoringSSL_OPENSSL_cleanse(&state, MemoryLayout<SHA256_CTX>.size)
    }

    private static func flip(_ pad: UnsafeMutableRawBufferPointer, _ bits: UInt8) {
        var index = 0
        while index < pad.count {
            unsafe pad[index] ^= bits
            index += 1
        }
    }

    private static func hash(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, to output: UnsafeMutablePointer<UInt8>,
        _ state: inout SHA256_CTX
    ) {
        _ = unsafe CCryptoBoringSSL_SHA256_Init(&state)
        _ = unsafe CCryptoBoringSSL_SHA256_Update(&state, first.baseAddress, first.count)
        _ = unsafe CCryptoBoringSSL_SHA256_Update(&state, second.baseAddress, second.count)
        _ = unsafe CCryptoBoringSSL_SHA256_Final(output, &state)
    }
}
