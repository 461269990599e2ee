internal import CCryptoBoringSSL
import KMSModel

/// SHA-256 (FIPS 180-4) of bytes that are there together, by BoringSSL's one call for it: swift-crypto's goes through objects.
package enum PlainHash {
    /// The length of a hash, in bytes.
    package static let byteCount = Int(SHA256_DIGEST_LENGTH)

    /// The 32 bytes for `bytes`.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        unsafe [UInt8](count: byteCount) { output in
            _ = unsafe CCryptoBoringSSL_SHA256(
                bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count,
                output.bindMemory(to: UInt8.self).baseAddress)
        }
    }
}
