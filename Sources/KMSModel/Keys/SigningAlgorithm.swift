/// How messages are signed (API model, `SigningAlgorithmSpec`).
package enum SigningAlgorithm: String, Sendable, Hashable, CaseIterable {
    case rsassaPSSSHA256 = "RSASSA_PSS_SHA_256"
    case rsassaPSSSHA384 = "RSASSA_PSS_SHA_384"
    case rsassaPSSSHA512 = "RSASSA_PSS_SHA_512"
    case rsassaPKCS1SHA256 = "RSASSA_PKCS1_V1_5_SHA_256"
    case rsassaPKCS1SHA384 = "RSASSA_PKCS1_V1_5_SHA_384"
    case rsassaPKCS1SHA512 = "RSASSA_PKCS1_V1_5_SHA_512"
    case ecdsaSHA256 = "ECDSA_SHA_256"
    case ecdsaSHA384 = "ECDSA_SHA_384"
    case ecdsaSHA512 = "ECDSA_SHA_512"
    case sm2DSA = "SM2DSA"
    case mlDSASHAKE256 = "ML_DSA_SHAKE_256"
    case ed25519SHA512 = "ED25519_SHA_512"
    case ed25519PHSHA512 = "ED25519_PH_SHA_512"

    /// The hash function that a message goes through before it is signed, or nil when it belongs to the scheme itself.
    package var hash: HashFunction? {
        switch self {
        case .rsassaPSSSHA256, .rsassaPKCS1SHA256, .ecdsaSHA256: .sha256
        case .rsassaPSSSHA384, .rsassaPKCS1SHA384, .ecdsaSHA384: .sha384
        case .rsassaPSSSHA512, .rsassaPKCS1SHA512, .ecdsaSHA512: .sha512
        case .sm2DSA: .sm3
        case .mlDSASHAKE256, .ed25519SHA512, .ed25519PHSHA512: nil
        }
    }

    /// In which forms a message may be given.
    ///
    /// Source: KMS API Reference, Sign, `MessageType`.
    package var messageTypes: [MessageType] {
        switch self {
        case .ed25519SHA512: [.raw]
        case .ed25519PHSHA512: [.digest]
        case .mlDSASHAKE256: [.raw, .externalMu]
        default: [.raw, .digest]
        }
    }

    /// How long a message of the type `DIGEST` is, in bytes; nil for an algorithm that takes none.
    package var digestByteCount: Int? {
        self == .ed25519PHSHA512 ? HashFunction.sha512.byteCount : hash?.byteCount
    }
}

/// What the message of a signature is (API model, `MessageType`).
package enum MessageType: String, Sendable, Hashable, CaseIterable {
    /// The message itself.
    case raw = "RAW"
    /// What the algorithm's hash function makes of it.
    case digest = "DIGEST"
    /// The 64 bytes that ML-DSA makes of the message and the public key (FIPS 204, section 6.2).
    case externalMu = "EXTERNAL_MU"

    /// The length of a message of the type `EXTERNAL_MU`, in bytes (FIPS 204, algorithm 7).
    package static let muByteCount = 64
}

/// How messages are authenticated (API model, `MacAlgorithmSpec`).
package enum MACAlgorithm: String, Sendable, Hashable, CaseIterable {
    case hmacSHA224 = "HMAC_SHA_224"
    case hmacSHA256 = "HMAC_SHA_256"
    case hmacSHA384 = "HMAC_SHA_384"
    case hmacSHA512 = "HMAC_SHA_512"

    /// The hash function under the code, which is as long as its digest.
    package var hash: HashFunction {
        switch self {
        case .hmacSHA224: .sha224
        case .hmacSHA256: .sha256
        case .hmacSHA384: .sha384
        case .hmacSHA512: .sha512
        }
    }
}

/// How two parties come to a shared secret (API model, `KeyAgreementAlgorithmSpec`).
package enum KeyAgreementAlgorithm: String, Sendable, Hashable, CaseIterable {
    case ecdh = "ECDH"
}
