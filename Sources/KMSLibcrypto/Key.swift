import CLibcrypto

/// What keys that come from outside are held against.
enum Key {
    /// Whether the key is of this kind, with its curve by name.
    static func isOf(_ kind: KeyPairKind, _ key: OpaquePointer) -> Bool {
        guard unsafe EVP_PKEY_is_a(key, kind.algorithm) == 1 else { return false }
        switch kind {
        case .rsa(let bits): return unsafe Int(EVP_PKEY_get_bits(key)) == bits
        case .curve, .sm2: return unsafe curve(of: key) == kind.curveIdentifier && isCurveNamed(key)
        }
    }

    /// Whether an RSA key has two factors and a public exponent of at least 65537 that fits 64 bits; a curve has no parts.
    ///
    /// Source: NIST SP 800-56B, section 6.2, and libcrypto's own limit for long moduli.
    static func hasUsualParts(_ kind: KeyPairKind, _ key: OpaquePointer) -> Bool {
        guard case .rsa = kind else { return true }
        var third: OpaquePointer?
        // OSSL_PKEY_PARAM_RSA_FACTOR3, which is put together by a macro that Swift does not see.
        if unsafe EVP_PKEY_get_bn_param(key, "rsa-factor3", &third) == 1 {
            unsafe BN_clear_free(third)
            return false
        }
        var exponent: OpaquePointer?
        defer { unsafe BN_free(exponent) }
        guard unsafe EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 else { return false }
        return unsafe (17...64).contains(BN_num_bits(exponent))
    }

    /// Whether the bytes begin with a SEQUENCE of DER that ends where they end (X.690, section 8.1.3).
    static func isWholeSequence(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 2, bytes[0] == 0x30 else { return false }
        if bytes[1] < 0x80 { return bytes.count == 2 + Int(bytes[1]) }
        let lengthByteCount = Int(bytes[1] & 0x7f)
        guard (1...2).contains(lengthByteCount), bytes.count >= 2 + lengthByteCount else { return false }
        let length = bytes[2..<2 + lengthByteCount].reduce(0) { $0 << 8 | Int($1) }
        return bytes.count == 2 + lengthByteCount + length
    }

    private static func curve(of key: OpaquePointer) -> Int32? {
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else { return nil }
        return unsafe OBJ_txt2nid(&name)
    }

    /// A curve that is spelled out may be a weak one that only looks like the one of that name.
    private static func isCurveNamed(_ key: OpaquePointer) -> Bool {
        var isSpelledOut: Int32 = 1
        let isKnown = unsafe EVP_PKEY_get_int_param(
            key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isSpelledOut
        )
        return isKnown == 1 && isSpelledOut == 0
    }
}
