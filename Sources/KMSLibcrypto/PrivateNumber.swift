import CLibcrypto

extension PrivateKey {
    /// Writes the private number of a key on a curve to `output`, the most significant byte first.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``, also for a number that is longer, and for a key without one.
    package func writeNumber(to output: UnsafeMutableRawBufferPointer) throws(LibcryptoFailure) {
        var number = unsafe BN_secure_new()
        defer { unsafe BN_clear_free(number) }
        let target = unsafe output.bindMemory(to: UInt8.self).baseAddress
        guard unsafe number != nil, unsafe EVP_PKEY_get_bn_param(handle, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1,
            unsafe BN_bn2binpad(number, target, Int32(output.count)) == output.count
        else { throw .unavailable }
    }
}
