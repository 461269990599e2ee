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

    /// Whether this is one of the ML-DSA specs (FIPS 204).
    package var isMLDSA: Bool { self == .mlDSA44 || self == .mlDSA65 || self == .mlDSA87 }

    /// The algorithms that a key of this spec offers when it was made for `usage`; none when it cannot be.
    package func algorithms(for usage: KeyUsage) -> [String] {
        guard usages.contains(usage) else { return [] }
        return switch usage {
        case .encryptDecrypt: encryptionAlgorithms.map(\.rawValue)
        case .signVerify: signingAlgorithms
        case .generateVerifyMAC: [rawValue.replacing("HMAC_", with: "HMAC_SHA_")]
        case .keyAgreement: ["ECDH"]
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

    private var signingAlgorithms: [String] {
        switch self {
        case .rsa2048, .rsa3072, .rsa4096:
            [
                "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
                "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
            ]
        case .eccNISTP256, .eccSECGP256K1: ["ECDSA_SHA_256"]
        case .eccNISTP384: ["ECDSA_SHA_384"]
        case .eccNISTP521: ["ECDSA_SHA_512"]
        case .eccNISTEdwards25519: ["ED25519_PH_SHA_512", "ED25519_SHA_512"]
        case .mlDSA44, .mlDSA65, .mlDSA87: ["ML_DSA_SHAKE_256"]
        case .sm2: ["SM2DSA"]
        default: []
        }
    }
}

extension KeySpec {
    /// Whether there is one secret key, rather than a pair of which one half is public.
    package var isSymmetric: Bool {
        switch self {
        case .symmetricDefault, .hmac224, .hmac256, .hmac384, .hmac512: true
        default: false
        }
    }
}
