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
        guard left.count == right.count else { return false }
        return unsafe sodium_memcmp(left, right, left.count) == 0
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
