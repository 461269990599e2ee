import CPKCS11

/// How a token wraps a secret of 32 bytes.
///
/// The names are those of the document of a seal.
package enum TokenMechanism: String, CaseIterable, Sendable {
    /// CKM_AES_GCM with a nonce of 96 bits and a tag of 128, as `nonce ‖ ciphertext ‖ tag`.
    case aesGCM = "AES_GCM"
    /// CKM_AES_KEY_WRAP_PAD (RFC 5649).
    case aesKeyWrapPad = "AES_KEY_WRAP_PAD"
    /// CKM_AES_KEY_WRAP (RFC 3394).
    case aesKeyWrap = "AES_KEY_WRAP"
    /// CKM_RSA_PKCS_OAEP with SHA-256 for both hash functions.
    case rsaOAEPSHA256 = "RSA_OAEP_SHA256"
    /// CKM_RSA_PKCS_OAEP with SHA-1 for both.
    ///
    /// For tokens that have no other, such as SoftHSM's. OAEP does not need what SHA-1 lost: its security does not rest on
    /// collisions being hard to find (RFC 8017, appendix B.1).
    case rsaOAEPSHA1 = "RSA_OAEP_SHA1"

    /// The mechanisms for a key, the best first.
    static func candidates(for handles: WrappingKey.Handles) -> [TokenMechanism] {
        switch handles {
        case .aes: [.aesGCM, .aesKeyWrapPad, .aesKeyWrap]
        case .rsa: [.rsaOAEPSHA256, .rsaOAEPSHA1]
        }
    }

    /// The number that the standard has for it.
    var type: ck_mechanism_type_t {
        switch self {
        case .aesGCM: CKM_AES_GCM
        case .aesKeyWrapPad: CKM_AES_KEY_WRAP_PAD
        case .aesKeyWrap: CKM_AES_KEY_WRAP
        case .rsaOAEPSHA256, .rsaOAEPSHA1: CKM_RSA_PKCS_OAEP
        }
    }

    /// Whether it takes a key of the token, and not any bytes.
    var wrapsKeys: Bool { self == .aesKeyWrapPad || self == .aesKeyWrap }

    /// How long what it makes of a secret is; nil when that depends on the key.
    var wrappedByteCount: Int? {
        switch self {
        case .aesGCM: Token.nonceByteCount + Token.secretByteCount + 16
        case .aesKeyWrapPad, .aesKeyWrap: Token.secretByteCount + 8
        case .rsaOAEPSHA256, .rsaOAEPSHA1: nil
        }
    }

    /// What the token must be able to do with it.
    var uses: UInt {
        wrapsKeys ? UInt(CKF_WRAP) | UInt(CKF_UNWRAP) : UInt(CKF_ENCRYPT) | UInt(CKF_DECRYPT)
    }

    /// Lends the mechanism with its parameters for the duration of `body`.
    ///
    /// - Parameter nonce: For GCM; a token that chooses one itself puts it there.
    func withMechanism<Result>(
        nonce: inout [UInt8], _ body: (UnsafeMutablePointer<ck_mechanism>) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        switch self {
        case .aesGCM:
            let outcome: Swift.Result<Result, TokenFailure> = unsafe nonce.withUnsafeMutableBufferPointer { nonce in
                var parameters = unsafe ck_gcm_params()
                unsafe parameters.iv_ptr = nonce.baseAddress
                unsafe parameters.iv_len = UInt(nonce.count)
                unsafe parameters.iv_bits = UInt(8 * nonce.count)
                unsafe parameters.tag_bits = 128
                return Swift.Result { () throws(TokenFailure) in
                    try unsafe lend(&parameters, MemoryLayout<ck_gcm_params>.size, body)
                }
            }
            return try outcome.get()
        case .aesKeyWrapPad, .aesKeyWrap:
            return try unsafe lend(nil, 0, body)
        case .rsaOAEPSHA256, .rsaOAEPSHA1:
            let isSHA256 = self == .rsaOAEPSHA256
            var parameters = unsafe ck_rsa_pkcs_oaep_params()
            unsafe parameters.hash_alg = isSHA256 ? CKM_SHA256 : CKM_SHA_1
            unsafe parameters.mgf = isSHA256 ? CKG_MGF1_SHA256 : CKG_MGF1_SHA1
            unsafe parameters.source = CKZ_DATA_SPECIFIED
            return try unsafe lend(&parameters, MemoryLayout<ck_rsa_pkcs_oaep_params>.size, body)
        }
    }

    private func lend<Result>(
        _ parameters: UnsafeMutableRawPointer?, _ count: Int,
        _ body: (UnsafeMutablePointer<ck_mechanism>) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        var mechanism = unsafe ck_mechanism(mechanism: type, parameter: parameters, parameter_len: UInt(count))
        return try unsafe body(&mechanism)
    }
}
