// Which usages and algorithms go with which spec.
// Source: KMS Developer Guide, "Key spec reference"; the order of the algorithms is the one that AWS answers.

extension KeySpec {
    /// The usages that a key of this spec can be made for.
    package var usages: [KeyUsage] {
        switch self {
        case .symmetricDefault: [.encryptDecrypt]
        case .hmac224, .hmac256, .hmac384, .hmac512: [.generateVerifyMAC]
        case .rsa2048, .rsa3072, .rsa4096: [.encryptDecrypt, .signVerify]
        case .eccNISTP256, .eccNISTP384, .eccNISTP521: [.signVerify, .keyAgreement]
        case .eccSECGP256K1, .eccNISTEdwards25519, .mlDSA44, .mlDSA65, .mlDSA87: [.signVerify]
        case .sm2: [.encryptDecrypt, .signVerify, .keyAgreement]
        }
    }

    /// The algorithms that a key of this spec offers when it was made for `usage`; none when it cannot be.
    package func algorithms(for usage: KeyUsage) -> [String] {
        guard usages.contains(usage) else { return [] }
        return switch usage {
        case .encryptDecrypt: encryptionAlgorithms.map(\.rawValue)
        case .signVerify: signingAlgorithms.map(\.rawValue)
        case .generateVerifyMAC: macAlgorithm.map { [$0.rawValue] } ?? []
        case .keyAgreement: [KeyAgreementAlgorithm.ecdh.rawValue]
        }
    }

    /// The algorithms that encrypt under a key of this spec.
    package var encryptionAlgorithms: [EncryptionAlgorithm] {
        switch self {
        case .symmetricDefault: [.symmetricDefault]
        case .rsa2048, .rsa3072, .rsa4096: [.rsaesOAEPSHA1, .rsaesOAEPSHA256]
        case .sm2: [.sm2PKE]
        default: []
        }
    }

    /// The algorithms that sign with a key of this spec.
    package var signingAlgorithms: [SigningAlgorithm] {
        switch self {
        case .rsa2048, .rsa3072, .rsa4096:
            [
                .rsassaPKCS1SHA256, .rsassaPKCS1SHA384, .rsassaPKCS1SHA512,
                .rsassaPSSSHA256, .rsassaPSSSHA384, .rsassaPSSSHA512,
            ]
        case .eccNISTP256, .eccSECGP256K1: [.ecdsaSHA256]
        case .eccNISTP384: [.ecdsaSHA384]
        case .eccNISTP521: [.ecdsaSHA512]
        case .eccNISTEdwards25519: [.ed25519PHSHA512, .ed25519SHA512]
        case .mlDSA44, .mlDSA65, .mlDSA87: [.mlDSASHAKE256]
        case .sm2: [.sm2DSA]
        default: []
        }
    }

    /// The algorithm that authenticates messages with a key of this spec.
    package var macAlgorithm: MACAlgorithm? {
        switch self {
        case .hmac224: .hmacSHA224
        case .hmac256: .hmacSHA256
        case .hmac384: .hmacSHA384
        case .hmac512: .hmacSHA512
        default: nil
        }
    }

    /// The most that one call encrypts with `algorithm` under a key of this spec, in bytes; nil where only the API's own
    /// limit holds.
    ///
    /// For RSAES-OAEP that is the length of the modulus less twice that of the hash and two (RFC 8017, section 7.1.1).
    package func longestPlaintext(for algorithm: EncryptionAlgorithm) -> Int? {
        switch algorithm {
        case .symmetricDefault: nil
        case .rsaesOAEPSHA1: modulusBits.map { $0 / 8 - 2 * HashFunction.sha1.byteCount - 2 }
        case .rsaesOAEPSHA256: modulusBits.map { $0 / 8 - 2 * HashFunction.sha256.byteCount - 2 }
        case .sm2PKE: 1024
        }
    }
}

// What kind of key material it is.
extension KeySpec {
    /// Whether there is one secret key, rather than a pair of which one half is public.
    package var isSymmetric: Bool {
        switch self {
        case .symmetricDefault, .hmac224, .hmac256, .hmac384, .hmac512: true
        default: false
        }
    }

    /// Whether this is one of the ML-DSA specs (FIPS 204).
    package var isMLDSA: Bool { self == .mlDSA44 || self == .mlDSA65 || self == .mlDSA87 }

    /// The length of an RSA modulus, or nil for another kind of key.
    package var modulusBits: Int? {
        switch self {
        case .rsa2048: 2048
        case .rsa3072: 3072
        case .rsa4096: 4096
        default: nil
        }
    }
}
