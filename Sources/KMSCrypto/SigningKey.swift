import Crypto
package import KMSModel

/// The key that requests of one day, region and service are signed with; not the secret that it was derived from.
package final class SigningKey: Sendable {
    private let key: SymmetricKey

    /// Derives the key as Signature Version 4 does: date, region, service, `aws4_request`.
    ///
    /// - Parameter date: `yyyyMMdd`.
    package convenience init(secret: SecretBytes, date: String, region: String, service: String) {
        self.init(unsafe secret.withBytes { unsafe Self.derive($0, [date, region, service, "aws4_request"]) })
    }

    init(_ key: SymmetricKey) { self.key = key }

    /// HMAC-SHA-256 of `bytes`: 32 bytes.
    package func signature(of bytes: [UInt8]) -> [UInt8] {
        unsafe [UInt8](count: HMACSHA256.byteCount) { signature in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe key.withUnsafeBytes { key in
                    unsafe HMACSHA256.authenticate(bytes, key: key, to: signature)
                }
            }
        }
    }

    /// Whether `signature` is that of `bytes`, in a time that does not depend on where they differ.
    package func isValid(_ signature: [UInt8], for bytes: [UInt8]) -> Bool {
        Digest.areEqual(signature, self.signature(of: bytes))
    }

    static func derive(_ secret: UnsafeRawBufferPointer, _ scope: [String]) -> SymmetricKey {
        var prefixed = Array("AWS4".utf8)
        // Room for all of it, so that no growing leaves a copy behind.
        prefixed.reserveCapacity(4 + secret.count)
        unsafe prefixed.append(contentsOf: secret)
        defer { prefixed.wipe() }
        return scope.reduce(SymmetricKey(data: prefixed)) { key, part in
            HMACSHA256.key(from: Array(part.utf8), key: key)
        }
    }
}
