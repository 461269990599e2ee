import CLibcrypto
package import KMSModel

extension HashFunction {
    /// libcrypto's description of this function, which lives as long as the program.
    var algorithm: OpaquePointer? {
        switch self {
        case .sha1: unsafe EVP_sha1()
        case .sha224: unsafe EVP_sha224()
        case .sha256: unsafe EVP_sha256()
        case .sha384: unsafe EVP_sha384()
        case .sha512: unsafe EVP_sha512()
        case .sm3: unsafe EVP_sm3()
        }
    }

    /// The digest of `message`: ``byteCount`` bytes.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func digest(of message: UnsafeRawBufferPointer) throws(LibcryptoFailure) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: byteCount)
        let isDone = unsafe digest.withUnsafeMutableBufferPointer { output in
            unsafe EVP_Digest(message.baseAddress, message.count, output.baseAddress, nil, algorithm, nil) == 1
        }
        guard isDone else { throw .unavailable }
        return digest
    }

    /// HMAC (FIPS 198-1) of `message`: ``byteCount`` bytes.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func hmac(
        of message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer
    ) throws(LibcryptoFailure) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: byteCount)
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        guard
            unsafe HMAC(algorithm, key.baseAddress, Int32(key.count), bytes.baseAddress, bytes.count, &code, nil) != nil
        else { throw .unavailable }
        return code
    }
}
