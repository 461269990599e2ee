import CSodium
import Crypto
import KMSBoringSSL
import KMSModel

/// HMAC-SHA-256 (FIPS 198-1), under everything that is derived or signed here.
enum HMACSHA256 {
    static let byteCount = KeyedHash.byteCount

    /// Writes the code of `message` to the 32 bytes of `output`.
    static func authenticate(
        _ message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer
    ) { unsafe KeyedHash.authenticate(message, key: key, to: output) }

    /// The code of `message`, 32 bytes.
    static func code(of message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> [UInt8] {
        unsafe [UInt8](count: byteCount) { output in unsafe authenticate(message, key: key, to: output) }
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
