/// How key material is encrypted on its way into the KMS (API model, `AlgorithmSpec`).
package enum WrappingAlgorithm: String, Sendable, Hashable, CaseIterable {
    case rsaesPKCS1 = "RSAES_PKCS1_V1_5"
    case rsaesOAEPSHA1 = "RSAES_OAEP_SHA_1"
    case rsaesOAEPSHA256 = "RSAES_OAEP_SHA_256"
    case rsaAESKeyWrapSHA1 = "RSA_AES_KEY_WRAP_SHA_1"
    case rsaAESKeyWrapSHA256 = "RSA_AES_KEY_WRAP_SHA_256"
    case sm2PKE = "SM2PKE"
}

/// The kind of public key that key material is encrypted to (API model, `WrappingKeySpec`).
package enum WrappingKeySpec: String, Sendable, Hashable, CaseIterable {
    case rsa2048 = "RSA_2048"
    case rsa3072 = "RSA_3072"
    case rsa4096 = "RSA_4096"
    case sm2 = "SM2"

    /// The length of an RSA modulus, or nil for another kind of key.
    package var modulusBits: Int? {
        switch self {
        case .rsa2048: 2048
        case .rsa3072: 3072
        case .rsa4096: 4096
        case .sm2: nil
        }
    }
}

/// Whether imported material ends by itself (API model, `ExpirationModelType`).
package enum ExpirationModel: String, Sendable, Hashable, CaseIterable {
    case expires = "KEY_MATERIAL_EXPIRES"
    case doesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE"
}

/// Whether imported material is to be a key's next or one that it had before (API model, `ImportType`).
package enum ImportType: String, Sendable, Hashable, CaseIterable {
    case newKeyMaterial = "NEW_KEY_MATERIAL"
    case existingKeyMaterial = "EXISTING_KEY_MATERIAL"
}
