import CLibcrypto

/// The extendable-output functions of FIPS 202.
enum SHAKE {
    case shake128
    case shake256

    /// The first `count` bytes of output for the joined parts of `input`.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    func output(of input: [[UInt8]], count: Int) throws(LibcryptoFailure) -> [UInt8] {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .unavailable }
        defer { unsafe EVP_MD_CTX_free(context) }
        let function = unsafe self == .shake128 ? EVP_shake128() : EVP_shake256()
        guard unsafe EVP_DigestInit_ex(context, function, nil) == 1 else { throw .unavailable }
        for part in input {
            guard unsafe EVP_DigestUpdate(context, part, part.count) == 1 else { throw .unavailable }
        }
        var output = [UInt8](repeating: 0, count: count)
        guard unsafe EVP_DigestFinalXOF(context, &output, count) == 1 else { throw .unavailable }
        return output
    }
}
