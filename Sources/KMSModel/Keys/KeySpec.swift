/// What kind of key material a key has (API model, `KeySpec`).
package enum KeySpec: String, Sendable, Hashable, CaseIterable {
    case symmetricDefault = "SYMMETRIC_DEFAULT"
    case hmac224 = "HMAC_224"
    case hmac256 = "HMAC_256"
    case hmac384 = "HMAC_384"
    case hmac512 = "HMAC_512"
    case rsa2048 = "RSA_2048"
    case rsa3072 = "RSA_3072"
    case rsa4096 = "RSA_4096"
    case eccNISTP256 = "ECC_NIST_P256"
    case eccNISTP384 = "ECC_NIST_P384"
    case eccNISTP521 = "ECC_NIST_P521"
    case eccSECGP256K1 = "ECC_SECG_P256K1"
    case eccNISTEdwards25519 = "ECC_NIST_EDWARDS25519"
    case mlDSA44 = "ML_DSA_44"
    case mlDSA65 = "ML_DSA_65"
    case mlDSA87 = "ML_DSA_87"
    case sm2 = "SM2"
}

/// What a key may be used for (API model, `KeyUsageType`).
///
/// It never changes after creation.
package enum KeyUsage: String, Sendable, Hashable, CaseIterable {
    case encryptDecrypt = "ENCRYPT_DECRYPT"
    case signVerify = "SIGN_VERIFY"
    case generateVerifyMAC = "GENERATE_VERIFY_MAC"
    case keyAgreement = "KEY_AGREEMENT"
}

/// Where key material comes from (API model, `OriginType`).
package enum KeyOrigin: String, Sendable, Hashable, CaseIterable {
    case awsKMS = "AWS_KMS"
    case external = "EXTERNAL"
    case awsCloudHSM = "AWS_CLOUDHSM"
    case externalKeyStore = "EXTERNAL_KEY_STORE"
}

/// The condition a key is in, which decides which operations it allows (API model, `KeyState`).
package enum KeyState: String, Sendable, Hashable, CaseIterable {
    case creating = "Creating"
    case enabled = "Enabled"
    case disabled = "Disabled"
    case pendingDeletion = "PendingDeletion"
    case pendingImport = "PendingImport"
    case pendingReplicaDeletion = "PendingReplicaDeletion"
    case unavailable = "Unavailable"
    case updating = "Updating"
}

/// Who administers a key: the customer, or AWS on the customer's behalf (API model, `KeyManagerType`).
package enum KeyManager: String, Sendable, Hashable, CaseIterable {
    case customer = "CUSTOMER"
    case aws = "AWS"
}

/// How data is encrypted (API model, `EncryptionAlgorithmSpec`).
package enum EncryptionAlgorithm: String, Sendable, Hashable, CaseIterable {
    case symmetricDefault = "SYMMETRIC_DEFAULT"
    case rsaesOAEPSHA1 = "RSAES_OAEP_SHA_1"
    case rsaesOAEPSHA256 = "RSAES_OAEP_SHA_256"
    case sm2PKE = "SM2PKE"
}
