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

    /// Whether the parts of a key are as long as they are in every key that is made by the book; a curve has none.
    ///
    /// Of RSA two factors of half the modulus, private exponents that are below what they are taken modulo, and a public
    /// exponent of at least 65537 that fits 64 bits. It is asked first: longer parts would cost minutes to test and more
    /// memory than a key has.
    ///
    /// Source: NIST SP 800-56B, section 6.2, and libcrypto's own limit for the public exponent.
    static func hasUsualParts(_ kind: KeyPairKind, _ key: OpaquePointer) -> Bool {
        guard case .rsa(let bits) = kind else { return true }
        let half = bits / 2...bits / 2
        let parts: [(name: String, bitCounts: ClosedRange<Int>)] = [
            (OSSL_PKEY_PARAM_RSA_E, 17...64), (OSSL_PKEY_PARAM_RSA_D, 2...bits),
            // OSSL_PKEY_PARAM_RSA_FACTOR1 and so on, which are put together by macros that Swift does not see.
            ("rsa-factor1", half), ("rsa-factor2", half), ("rsa-exponent1", 1...bits / 2),
            ("rsa-exponent2", 1...bits / 2), ("rsa-coefficient1", 1...bits / 2),
        ]
        return unsafe bitCount(of: "rsa-factor3", in: key) == nil
            && parts.allSatisfy { part in
                unsafe bitCount(of: part.name, in: key).map(part.bitCounts.contains) ?? false
            }
    }

    /// How long a number of the key is, or nil when the key has no such.
    private static func bitCount(of name: String, in key: OpaquePointer) -> Int? {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1 else { return nil }
        defer { unsafe BN_clear_free(number) }
        return unsafe Int(BN_num_bits(number))
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

    /// Lets points be encoded without compression, in whatever form they came.
    static func writePointsInFull(_ key: OpaquePointer) -> Bool {
        unsafe EVP_PKEY_set_utf8_string_param(
            key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED
        ) == 1
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
