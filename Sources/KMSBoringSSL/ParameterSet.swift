internal import CCryptoBoringSSL

/// BoringSSL's functions for one parameter set of ML-DSA; each has types and names of its own.
protocol ParameterSet {
    associatedtype PrivateKey
    associatedtype PublicKey

    static var publicKeyByteCount: Int { get }
    static var signatureByteCount: Int { get }

    static func expand(_ seed: UnsafeRawBufferPointer, to key: UnsafeMutablePointer<PrivateKey>) -> Bool
    static func derive(_ publicKey: UnsafeMutablePointer<PublicKey>, from key: UnsafePointer<PrivateKey>) -> Bool
    static func encode(_ key: UnsafePointer<PublicKey>, to output: UnsafeMutablePointer<CBB>) -> Bool
    static func decode(_ input: UnsafeMutablePointer<CBS>, to key: UnsafeMutablePointer<PublicKey>) -> Bool
    static func sign(
        _ message: UnsafeRawBufferPointer, with key: UnsafePointer<PrivateKey>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool
    static func sign(
        representative mu: UnsafeRawBufferPointer, with key: UnsafePointer<PrivateKey>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool
    static func verify(
        _ signature: UnsafeBufferPointer<UInt8>, of message: UnsafeRawBufferPointer, with key: UnsafePointer<PublicKey>
    ) -> Bool
}

extension ParameterSet {
    static func publicKey(seed: UnsafeRawBufferPointer) throws(MLDSAFailure) -> [UInt8] {
        let bytes: [UInt8]? = unsafe withPrivateKey(seed) { key in
            unsafe withUnsafeTemporaryAllocation(of: PublicKey.self, capacity: 1) { buffer -> [UInt8]? in
                guard let publicKey = buffer.baseAddress, unsafe derive(publicKey, from: key) else { return nil }
                return unsafe encoded(publicKey)
            }
        }
        guard let bytes else { throw MLDSAFailure() }
        return bytes
    }

    static func signature(
        of message: UnsafeRawBufferPointer, seed: UnsafeRawBufferPointer
    ) throws(MLDSAFailure) -> [UInt8] {
        try unsafe signature(seed) { key, output in unsafe sign(message, with: key, to: output) }
    }

    static func signature(
        ofRepresentative mu: UnsafeRawBufferPointer, seed: UnsafeRawBufferPointer
    ) throws(MLDSAFailure) -> [UInt8] {
        try unsafe signature(seed) { key, output in unsafe sign(representative: mu, with: key, to: output) }
    }

    static func isSignature(
        _ signature: [UInt8], of message: UnsafeRawBufferPointer, by publicKey: [UInt8]
    ) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: PublicKey.self, capacity: 1) { buffer in
            guard let key = buffer.baseAddress, unsafe decoded(publicKey, to: key) else { return false }
            return unsafe signature.withUnsafeBufferPointer { unsafe verify($0, of: message, with: key) }
        }
    }

    // MARK: Steps

    /// Lends the private key that a seed stands for, and zeroes it afterwards.
    private static func withPrivateKey<Result>(
        _ seed: UnsafeRawBufferPointer, _ body: (UnsafePointer<PrivateKey>) -> Result?
    ) -> Result? {
        guard seed.count == MLDSA.seedByteCount else { return nil }
        return unsafe withUnsafeTemporaryAllocation(of: PrivateKey.self, capacity: 1) { buffer in
            guard let key = buffer.baseAddress else { return nil }
            defer { unsafe CCryptoBoringSSL_OPENSSL_cleanse(key, MemoryLayout<PrivateKey>.size) }
            guard unsafe expand(seed, to: key) else { return nil }
            return unsafe body(UnsafePointer(key))
        }
    }

    private static func signature(
        _ seed: UnsafeRawBufferPointer,
        _ sign: (UnsafePointer<PrivateKey>, UnsafeMutablePointer<UInt8>) -> Bool
    ) throws(MLDSAFailure) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: signatureByteCount)
        let isSigned: Bool? = unsafe withPrivateKey(seed) { key in
            unsafe signature.withUnsafeMutableBufferPointer { output in
                unsafe output.baseAddress.map { unsafe sign(key, $0) }
            }
        }
        guard isSigned == true else { throw MLDSAFailure() }
        return signature
    }

    private static func encoded(_ key: UnsafePointer<PublicKey>) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: publicKeyByteCount)
        let isEncoded = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            var output = unsafe CBB()
            // The buffer is not the library's, so nothing has to be freed, whatever happens.
            return unsafe CCryptoBoringSSL_CBB_init_fixed(&output, buffer.baseAddress, buffer.count) == 1
                && encode(key, to: &output) && CCryptoBoringSSL_CBB_len(&output) == buffer.count
        }
        return isEncoded ? bytes : nil
    }

    private static func decoded(_ bytes: [UInt8], to key: UnsafeMutablePointer<PublicKey>) -> Bool {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            var input = unsafe CBS()
            unsafe CCryptoBoringSSL_CBS_init(&input, buffer.baseAddress, buffer.count)
            return unsafe decode(&input, to: key) && CCryptoBoringSSL_CBS_len(&input) == 0
        }
    }
}
