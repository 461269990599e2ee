import CSodium
import Crypto

/// HMAC-SHA-256 (FIPS 198-1), under everything that is derived or signed here.
///
/// It is libsodium's: that keeps the padded key on the stack and zeroes it, where swift-crypto copies it to arrays that
/// nobody zeroes.
enum HMACSHA256 {
    static let byteCount = 32

    /// Writes the code of `message` to the 32 bytes of `output`.
    static func authenticate(
        _ message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer
    ) {
        guard let code = output.baseAddress, output.count == byteCount else {
            preconditionFailure("the code is 32 bytes")
        }
        var state = crypto_auth_hmacsha256_state()
        // An empty key may have no address; then nothing is read there.
        unsafe crypto_auth_hmacsha256_init(&state, key.baseAddress ?? UnsafeRawPointer(code), key.count)
        unsafe crypto_auth_hmacsha256_update(&state, message.baseAddress, UInt64(message.count))
        unsafe crypto_auth_hmacsha256_final(&state, code)
        unsafe sodium_memzero(&state, MemoryLayout<crypto_auth_hmacsha256_state>.size)
    }

    /// The code of `message` as a key, which is zeroed when it is let go.
    static func key(from message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> SymmetricKey {
        unsafe withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16) { output in
            defer { unsafe sodium_memzero(output.baseAddress, output.count) }
            unsafe authenticate(message, key: key, to: output)
            return unsafe SymmetricKey(data: output)
        }
    }

    /// The code of `message` as a key, made with such a key.
    static func key(from message: [UInt8], key: SymmetricKey) -> SymmetricKey {
        unsafe message.withUnsafeBytes { message in
            unsafe key.withUnsafeBytes { key in unsafe Self.key(from: message, key: key) }
        }
    }
}
