internal import CCryptoBoringSSL

/// ML-DSA-44: category 2 (FIPS 204, table 1).
enum ParameterSet44: ParameterSet {
    static let publicKeyByteCount = Int(MLDSA44_PUBLIC_KEY_BYTES)
    static let signatureByteCount = Int(MLDSA44_SIGNATURE_BYTES)

    static func expand(_ seed: UnsafeRawBufferPointer, to key: UnsafeMutablePointer<MLDSA44_private_key>) -> Bool {
        let bytes = unsafe seed.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA44_private_key_from_seed(key, bytes.baseAddress, bytes.count) == 1
    }

    static func derive(
        _ publicKey: UnsafeMutablePointer<MLDSA44_public_key>, from key: UnsafePointer<MLDSA44_private_key>
    ) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA44_public_from_private(publicKey, key) == 1
    }

    static func encode(_ key: UnsafePointer<MLDSA44_public_key>, to output: UnsafeMutablePointer<CBB>) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA44_marshal_public_key(output, key) == 1
    }

    static func decode(_ input: UnsafeMutablePointer<CBS>, to key: UnsafeMutablePointer<MLDSA44_public_key>) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA44_parse_public_key(key, input) == 1
    }

    static func sign(
        _ message: UnsafeRawBufferPointer, with key: UnsafePointer<MLDSA44_private_key>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA44_sign(signature, key, bytes.baseAddress, bytes.count, nil, 0) == 1
    }

    static func sign(
        representative mu: UnsafeRawBufferPointer, with key: UnsafePointer<MLDSA44_private_key>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let bytes = unsafe mu.bindMemory(to: UInt8.self).baseAddress
        return unsafe CCryptoBoringSSL_MLDSA44_sign_message_representative(signature, key, bytes) == 1
    }

    static func verify(
        _ signature: UnsafeBufferPointer<UInt8>, of message: UnsafeRawBufferPointer,
        with key: UnsafePointer<MLDSA44_public_key>
    ) -> Bool {
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA44_verify(
            key, signature.baseAddress, signature.count, bytes.baseAddress, bytes.count, nil, 0
        ) == 1
    }
}

/// ML-DSA-65: category 3 (FIPS 204, table 1).
enum ParameterSet65: ParameterSet {
    static let publicKeyByteCount = Int(MLDSA65_PUBLIC_KEY_BYTES)
    static let signatureByteCount = Int(MLDSA65_SIGNATURE_BYTES)

    static func expand(_ seed: UnsafeRawBufferPointer, to key: UnsafeMutablePointer<MLDSA65_private_key>) -> Bool {
        let bytes = unsafe seed.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA65_private_key_from_seed(key, bytes.baseAddress, bytes.count) == 1
    }

    static func derive(
        _ publicKey: UnsafeMutablePointer<MLDSA65_public_key>, from key: UnsafePointer<MLDSA65_private_key>
    ) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA65_public_from_private(publicKey, key) == 1
    }

    static func encode(_ key: UnsafePointer<MLDSA65_public_key>, to output: UnsafeMutablePointer<CBB>) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA65_marshal_public_key(output, key) == 1
    }

    static func decode(_ input: UnsafeMutablePointer<CBS>, to key: UnsafeMutablePointer<MLDSA65_public_key>) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA65_parse_public_key(key, input) == 1
    }

    static func sign(
        _ message: UnsafeRawBufferPointer, with key: UnsafePointer<MLDSA65_private_key>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA65_sign(signature, key, bytes.baseAddress, bytes.count, nil, 0) == 1
    }

    static func sign(
        representative mu: UnsafeRawBufferPointer, with key: UnsafePointer<MLDSA65_private_key>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let bytes = unsafe mu.bindMemory(to: UInt8.self).baseAddress
        return unsafe CCryptoBoringSSL_MLDSA65_sign_message_representative(signature, key, bytes) == 1
    }

    static func verify(
        _ signature: UnsafeBufferPointer<UInt8>, of message: UnsafeRawBufferPointer,
        with key: UnsafePointer<MLDSA65_public_key>
    ) -> Bool {
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA65_verify(
            key, signature.baseAddress, signature.count, bytes.baseAddress, bytes.count, nil, 0
        ) == 1
    }
}

/// ML-DSA-87: category 5 (FIPS 204, table 1).
enum ParameterSet87: ParameterSet {
    static let publicKeyByteCount = Int(MLDSA87_PUBLIC_KEY_BYTES)
    static let signatureByteCount = Int(MLDSA87_SIGNATURE_BYTES)

    static func expand(_ seed: UnsafeRawBufferPointer, to key: UnsafeMutablePointer<MLDSA87_private_key>) -> Bool {
        let bytes = unsafe seed.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA87_private_key_from_seed(key, bytes.baseAddress, bytes.count) == 1
    }

    static func derive(
        _ publicKey: UnsafeMutablePointer<MLDSA87_public_key>, from key: UnsafePointer<MLDSA87_private_key>
    ) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA87_public_from_private(publicKey, key) == 1
    }

    static func encode(_ key: UnsafePointer<MLDSA87_public_key>, to output: UnsafeMutablePointer<CBB>) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA87_marshal_public_key(output, key) == 1
    }

    static func decode(_ input: UnsafeMutablePointer<CBS>, to key: UnsafeMutablePointer<MLDSA87_public_key>) -> Bool {
        unsafe CCryptoBoringSSL_MLDSA87_parse_public_key(key, input) == 1
    }

    static func sign(
        _ message: UnsafeRawBufferPointer, with key: UnsafePointer<MLDSA87_private_key>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA87_sign(signature, key, bytes.baseAddress, bytes.count, nil, 0) == 1
    }

    static func sign(
        representative mu: UnsafeRawBufferPointer, with key: UnsafePointer<MLDSA87_private_key>,
        to signature: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let bytes = unsafe mu.bindMemory(to: UInt8.self).baseAddress
        return unsafe CCryptoBoringSSL_MLDSA87_sign_message_representative(signature, key, bytes) == 1
    }

    static func verify(
        _ signature: UnsafeBufferPointer<UInt8>, of message: UnsafeRawBufferPointer,
        with key: UnsafePointer<MLDSA87_public_key>
    ) -> Bool {
        let bytes = unsafe message.bindMemory(to: UInt8.self)
        return unsafe CCryptoBoringSSL_MLDSA87_verify(
            key, signature.baseAddress, signature.count, bytes.baseAddress, bytes.count, nil, 0
        ) == 1
    }
}
