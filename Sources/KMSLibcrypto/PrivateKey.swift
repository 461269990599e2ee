import CLibcrypto
package import KMSModel

/// A key pair in libcrypto's memory: the private part in its secure heap, zeroed when it is freed.
///
/// `@unchecked Sendable`: the key is not changed after the initializer, and libcrypto's keys may be used by several
/// threads at once (openssl-threads(7)).
@safe package final class PrivateKey: @unchecked Sendable {
    let handle: OpaquePointer
    /// What kind of key it is, which was checked.
    package let kind: KeyPairKind

    private init(owning handle: OpaquePointer, kind: KeyPairKind) {
        unsafe self.handle = handle
        self.kind = kind
    }

    deinit { unsafe EVP_PKEY_free(handle) }

    /// Makes a random key pair, which takes up to seconds for RSA.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package convenience init(generating kind: KeyPairKind) throws(LibcryptoFailure) {
        try SecureHeap.prepare()
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, kind.algorithm, nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_keygen_init(context) == 1, unsafe Self.configure(context, for: kind) else {
            throw .unavailable
        }
        var made: OpaquePointer?
        guard unsafe EVP_PKEY_generate(context, &made) == 1, let made = unsafe made else { throw .unavailable }
        unsafe self.init(owning: made, kind: kind)
    }

    private static func configure(_ context: OpaquePointer, for kind: KeyPairKind) -> Bool {
        switch kind {
        case .rsa(let bits): unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, Int32(bits)) == 1
        case .curve, .sm2:
            kind.curveIdentifier.map { unsafe EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, $0) == 1 } ?? false
        }
    }

    // MARK: Encodings

    /// Reads the DER of a PrivateKeyInfo (RFC 5208) with a key of this kind, which this program wrote.
    ///
    /// - Throws: ``LibcryptoFailure/refused`` for anything else, or when something follows it.
    package convenience init(pkcs8 der: UnsafeRawBufferPointer, kind: KeyPairKind) throws(LibcryptoFailure) {
        try SecureHeap.prepare()
        let start = unsafe der.bindMemory(to: UInt8.self).baseAddress
        var position = unsafe start
        ERR_clear_error()
        guard let start = unsafe start, let info = unsafe d2i_PKCS8_PRIV_KEY_INFO(nil, &position, der.count) else {
            throw LibcryptoFailure.ofReading
        }
        defer { unsafe PKCS8_PRIV_KEY_INFO_free(info) }
        guard unsafe position == start + der.count else { throw .refused }
        guard let read = unsafe EVP_PKCS82PKEY(info) else { throw LibcryptoFailure.ofReading }
        unsafe self.init(owning: read, kind: kind)
        guard unsafe Key.isOf(kind, handle) else { throw .refused }
    }

    /// Reads the PrivateKeyInfo of a key that somebody else made, and refuses one whose parts do not belong together.
    ///
    /// For RSA that takes up to a second, because the factors are tested for being primes.
    ///
    /// - Throws: ``LibcryptoFailure/refused``.
    package convenience init(importing der: UnsafeRawBufferPointer, kind: KeyPairKind) throws(LibcryptoFailure) {
        try unsafe self.init(pkcs8: der, kind: kind)
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, handle, nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe Key.hasUsualParts(kind, handle), unsafe EVP_PKEY_check(context) == 1 else { throw .refused }
        guard kind.curveIdentifier != nil else { return }
        // Points may have come compressed; they are written in full.
        guard unsafe Key.writePointsInFull(handle) else { throw .unavailable }
    }

    /// The key as DER of a PrivateKeyInfo (RFC 5208).
    ///
    /// The ECPrivateKey in it has the curve and the public key too, as AWS writes it.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func pkcs8() throws(LibcryptoFailure) -> SecretBytes {
        guard let info = unsafe privateKeyInfo() else { throw .unavailable }
        defer { unsafe PKCS8_PRIV_KEY_INFO_free(info) }
        return try unsafe Self.encoded { unsafe i2d_PKCS8_PRIV_KEY_INFO(info, $0) }
    }

    /// The key as DER of an RSAPrivateKey (RFC 8017, appendix A.1.2) or ECPrivateKey (RFC 5915).
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func traditionalDER() throws(LibcryptoFailure) -> SecretBytes {
        try unsafe Self.encoded { unsafe i2d_PrivateKey(handle, $0) }
    }

    /// Reads the DER of an RSAPrivateKey (RFC 8017, appendix A.1.2), which this program wrote.
    ///
    /// - Throws: ``LibcryptoFailure/refused`` for anything else, or when something follows it.
    package convenience init(rsaPrivateKey der: UnsafeRawBufferPointer) throws(LibcryptoFailure) {
        try SecureHeap.prepare()
        let start = unsafe der.bindMemory(to: UInt8.self).baseAddress
        var position = unsafe start
        ERR_clear_error()
        guard let start = unsafe start, let read = unsafe d2i_PrivateKey(EVP_PKEY_RSA, nil, &position, der.count) else {
            throw LibcryptoFailure.ofReading
        }
        unsafe self.init(owning: read, kind: .rsa(bits: Int(EVP_PKEY_get_bits(read))))
        guard unsafe position == start + der.count else { throw .refused }
    }

    /// The length of the modulus, which is that of a ciphertext, in bytes; of a key on a curve, that of the longest
    /// signature.
    package var byteCount: Int { unsafe Int(EVP_PKEY_get_size(handle)) }

    /// The public half.
    package var publicKey: PublicKey {
        unsafe EVP_PKEY_up_ref(handle)
        return unsafe PublicKey(owning: handle, kind: kind)
    }

    private func privateKeyInfo() -> OpaquePointer? {
        guard let curve = kind.curveIdentifier else { return unsafe EVP_PKEY2PKCS8(handle) }
        guard let info = unsafe PKCS8_PRIV_KEY_INFO_new() else { return nil }
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = unsafe i2d_PrivateKey(handle, &bytes)
        guard count > 0,
            unsafe PKCS8_pkey_set0(
                info, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), 0, V_ASN1_OBJECT,
                UnsafeMutableRawPointer(OBJ_nid2obj(curve)),
                bytes, count
            ) == 1
        else {
            unsafe chatelaine_clear_free(bytes, Int(max(0, count)))
            unsafe PKCS8_PRIV_KEY_INFO_free(info)
            return nil
        }
        return unsafe info
    }

    /// What an encoder of libcrypto writes, which is asked for the length first.
    private static func encoded(
        by encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    ) throws(LibcryptoFailure) -> SecretBytes {
        let count = Int(encode(nil))
        guard count > 0 else { throw .unavailable }
        return try unsafe SecretBytes(capacity: count) { buffer throws(LibcryptoFailure) in
            var position = unsafe buffer.bindMemory(to: UInt8.self).baseAddress
            guard unsafe Int(encode(&position)) == count else { throw .unavailable }
            return count
        }
    }
}
