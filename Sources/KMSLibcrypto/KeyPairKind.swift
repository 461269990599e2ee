import CLibcrypto

/// A kind of key pair that libcrypto makes.
package enum KeyPairKind: Sendable, Hashable {
    /// RSA with a modulus of so many bits and the public exponent 65537.
    case rsa(bits: Int)
    /// A key on a curve for ECDSA and ECDH.
    case curve(Curve)
    /// The curve of GB/T 32918.5, with that standard's own signatures and encryption.
    case sm2

    /// The curves of SEC 2 and NIST SP 800-186 that are offered.
    package enum Curve: Sendable, Hashable, CaseIterable {
        case p256
        case p384
        case p521
        case secp256k1

        /// The length of a coordinate, in bytes.
        var coordinateByteCount: Int {
            switch self {
            case .p256, .secp256k1: 32
            case .p384: 48
            case .p521: 66
            }
        }
    }

    /// The length of a SubjectPublicKeyInfo with a point that is not compressed, in bytes; nil for RSA.
    var publicKeyByteCount: Int? {
        switch self {
        case .rsa: nil
        case .curve(.p256), .sm2: 91
        case .curve(.p384): 120
        case .curve(.p521): 158
        case .curve(.secp256k1): 88
        }
    }

    /// libcrypto's name of the algorithm.
    var algorithm: String {
        switch self {
        case .rsa: "RSA"
        case .curve: "EC"
        case .sm2: "SM2"
        }
    }

    /// libcrypto's number of the curve; nil for RSA.
    var curveIdentifier: Int32? {
        switch self {
        case .rsa: nil
        case .curve(.p256): NID_X9_62_prime256v1
        case .curve(.p384): NID_secp384r1
        case .curve(.p521): NID_secp521r1
        case .curve(.secp256k1): NID_secp256k1
        case .sm2: NID_sm2
        }
    }
}
