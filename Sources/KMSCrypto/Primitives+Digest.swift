import KMSLibcrypto
package import KMSModel

extension Primitives {
    /// A digest as messages are hashed before they are signed.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package static func digest(of message: [UInt8], hash: HashFunction) throws(CryptoFailure) -> [UInt8] {
        let result = unsafe message.withUnsafeBytes { message in
            Result { () throws(LibcryptoFailure) in try unsafe hash.digest(of: message) }
        }
        return try CryptoFailure.translating { () throws(LibcryptoFailure) in try result.get() }
    }
}
