import CSodium
import Crypto
import KMSBoringSSL

/// Hashing and comparing for the other modules.
package enum Digest {
    /// SHA-256 (FIPS 180-4) of `bytes`: 32 bytes.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] { unsafe bytes.withUnsafeBytes { unsafe sha256($0) } }

    /// SHA-256 (FIPS 180-4) of `bytes`: 32 bytes.
    package static func sha256(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe sha256($0) }
    }

    /// SHA-256 (FIPS 180-4) of the bytes that are lent: 32 bytes.
    static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { unsafe PlainHash.hash(bytes) }

    /// Whether both are the same bytes, in a time that depends on their lengths only.
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        unsafe left.withUnsafeBytes { left in unsafe right.withUnsafeBytes { right in unsafe areEqual(left, right) } }
    }

    /// Whether what is lent are the same bytes, in a time that depends on their lengths only.
    static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        // Without an address they have no bytes.
        guard let one = left.baseAddress, let two = right.baseAddress else { return true }
        return unsafe sodium_memcmp(one, two, left.count) == 0
    }
}

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
package struct RunningDigest {
    private var hash = SHA256()

    package init() {}

    /// Takes the next bytes.
    package mutating func update(_ bytes: [UInt8]) { hash.update(data: bytes) }

    /// The 32 bytes for all that came.
    package func finish() -> [UInt8] { Array(hash.finalize()) }
}
