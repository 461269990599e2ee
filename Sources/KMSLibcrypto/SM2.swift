import CLibcrypto
package import KMSModel

extension PrivateKey {
    /// Signs a message by SM2 with SM3 and the default identity (GB/T 32918.2): DER of SEQUENCE(r, s).
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func sm2Signature(of message: UnsafeRawBufferPointer) throws(LibcryptoFailure) -> [UInt8] {
        guard let state = unsafe SM2MessageState(key: handle) else { throw .unavailable }
        let message = unsafe message.bindMemory(to: UInt8.self)
        var signature = [UInt8](repeating: 0, count: unsafe Int(EVP_PKEY_get_size(handle)))
        var count = signature.count
        guard unsafe EVP_DigestSignInit(state.context, nil, EVP_sm3(), nil, handle) == 1,
            unsafe EVP_DigestSign(state.context, &signature, &count, message.baseAddress, message.count) == 1
        else { throw .unavailable }
        signature.removeLast(signature.count - count)
        return signature
    }

    /// Signs what SM3 made of the identity, the public key and the message.
    ///
    /// - Throws: ``LibcryptoFailure/refused`` for another length than 32; ``LibcryptoFailure/unavailable``.
    package func sm2Signature(ofDigest digest: [UInt8]) throws(LibcryptoFailure) -> [UInt8] {
        guard digest.count == HashFunction.sm3.byteCount else { throw .refused }
        return try unsafe Operation.sign(digest, with: handle)
    }

    /// Decrypts an SM2 ciphertext (GB/T 32918.4) in the ASN.1 form of GM/T 0009.
    ///
    /// - Throws: ``LibcryptoFailure/refused`` whatever is wrong with the ciphertext.
    package func sm2Decrypt(_ ciphertext: [UInt8]) throws(LibcryptoFailure) -> SecretBytes {
        // libcrypto would not see what follows the sequence.
        guard Key.isWholeSequence(ciphertext) else { throw .refused }
        return try unsafe Operation.decrypt(ciphertext, with: handle)
    }
}

extension PublicKey {
    /// Whether `signature` is one of the message with the default identity.
    package func isSM2Signature(_ signature: [UInt8], of message: UnsafeRawBufferPointer) -> Bool {
        guard let state = unsafe SM2MessageState(key: handle) else { return false }
        let message = unsafe message.bindMemory(to: UInt8.self)
        guard unsafe EVP_DigestVerifyInit(state.context, nil, EVP_sm3(), nil, handle) == 1 else { return false }
        return unsafe EVP_DigestVerify(
            state.context, signature, signature.count, message.baseAddress, message.count
        ) == 1
    }

    /// Whether `signature` is one of what SM3 made of the identity, the public key and the message.
    package func isSM2Signature(_ signature: [UInt8], ofDigest digest: [UInt8]) -> Bool {
        guard digest.count == HashFunction.sm3.byteCount else { return false }
        return unsafe Operation.isSignature(signature, of: digest, with: handle)
    }

    /// Encrypts by SM2 (GB/T 32918.4): DER of SEQUENCE(x, y, hash, ciphertext) (GM/T 0009).
    ///
    /// - Throws: ``LibcryptoFailure/refused``.
    package func sm2Encrypt(_ plaintext: UnsafeRawBufferPointer) throws(LibcryptoFailure) -> [UInt8] {
        try unsafe Operation.encrypt(plaintext, with: handle)
    }
}

/// The state of a signature over a message, which begins with the signer's identity (SM2(7ossl)).
@safe private struct SM2MessageState: ~Copyable {
    /// The identity that a signer has by default (GM/T 0009, section 10).
    private static let defaultIdentity = Array("1234567812345678".utf8)

    let context: OpaquePointer
    private let keyContext: OpaquePointer

    /// - Returns: Nil when there is no memory.
    init?(key: OpaquePointer) {
        guard let keyContext = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { return nil }
        guard unsafe EVP_PKEY_CTX_set1_id(keyContext, Self.defaultIdentity, Int32(Self.defaultIdentity.count)) > 0,
            let context = unsafe EVP_MD_CTX_new()
        else {
            unsafe EVP_PKEY_CTX_free(keyContext)
            return nil
        }
        // The digest's state does not free the key's.
        unsafe EVP_MD_CTX_set_pkey_ctx(context, keyContext)
        unsafe self.context = context
        unsafe self.keyContext = keyContext
    }

    deinit {
        unsafe EVP_MD_CTX_free(context)
        unsafe EVP_PKEY_CTX_free(keyContext)
    }
}
