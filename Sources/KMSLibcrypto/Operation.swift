import CLibcrypto
import KMSModel

/// The four things that are done with a key, each with a context of its own that `prepare` sets up.
enum Operation {
    /// Signs a digest.
    static func sign(
        _ digest: [UInt8], with key: OpaquePointer, _ prepare: (OpaquePointer) -> Bool = { _ in true }
    ) throws(LibcryptoFailure) -> [UInt8] {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_sign_init(context) == 1, unsafe prepare(context) else { throw .unavailable }
        var signature = [UInt8](repeating: 0, count: unsafe Int(EVP_PKEY_get_size(key)))
        var count = signature.count
        guard unsafe EVP_PKEY_sign(context, &signature, &count, digest, digest.count) == 1 else { throw .unavailable }
        signature.removeLast(signature.count - count)
        return signature
    }

    /// Whether `signature` is one of the digest.
    static func isSignature(
        _ signature: [UInt8], of digest: [UInt8], with key: OpaquePointer,
        _ prepare: (OpaquePointer) -> Bool = { _ in true }
    ) -> Bool {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { return false }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_verify_init(context) == 1, unsafe prepare(context) else { return false }
        return unsafe EVP_PKEY_verify(context, signature, signature.count, digest, digest.count) == 1
    }

    static func encrypt(
        _ plaintext: UnsafeRawBufferPointer, with key: OpaquePointer,
        _ prepare: (OpaquePointer) -> Bool = { _ in true }
    ) throws(LibcryptoFailure) -> [UInt8] {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_encrypt_init(context) == 1, unsafe prepare(context) else { throw .unavailable }
        let source = unsafe plaintext.bindMemory(to: UInt8.self)
        var count = 0
        guard unsafe EVP_PKEY_encrypt(context, nil, &count, source.baseAddress, source.count) == 1 else {
            throw .refused
        }
        var ciphertext = [UInt8](repeating: 0, count: count)
        guard unsafe EVP_PKEY_encrypt(context, &ciphertext, &count, source.baseAddress, source.count) == 1 else {
            throw .refused
        }
        ciphertext.removeLast(ciphertext.count - count)
        return ciphertext
    }

    static func decrypt(
        _ ciphertext: [UInt8], with key: OpaquePointer, _ prepare: (OpaquePointer) -> Bool = { _ in true }
    ) throws(LibcryptoFailure) -> SecretBytes {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_decrypt_init(context) == 1, unsafe prepare(context) else { throw .unavailable }
        // No plaintext is longer than its ciphertext or the key.
        let capacity = unsafe max(ciphertext.count, Int(EVP_PKEY_get_size(key)))
        return try unsafe SecretBytes(capacity: capacity) { buffer throws(LibcryptoFailure) in
            var count = buffer.count
            let target = unsafe buffer.bindMemory(to: UInt8.self)
            guard unsafe EVP_PKEY_decrypt(context, target.baseAddress, &count, ciphertext, ciphertext.count) == 1
            else { throw .refused }
            return count
        }
    }
}
