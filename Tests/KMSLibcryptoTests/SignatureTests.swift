import KMSLibcrypto
import KMSModel
import TestVectors
import Testing

/// Signatures and authentication codes are what their standards say, and nothing else passes for one.
struct SignatureTests {
    private static let members: Set = ["publicKey", "message", "signature", "result"]

    // MARK: RSA

    private static func rsa(_ file: String) throws -> [VectorCase] {
        try Vectors.cases("rsa/\(file).json", members.union(["hash"]))
    }

    private func checkRSA(_ vector: VectorCase, _ padding: RSASignaturePadding) throws {
        let (hash, key) = (try vector.hash(), try PublicKey(rsa: vector.bytes("publicKey")))
        let digest = try hash.digest(ofBytes: vector.bytes("message"))
        let isValid = try key.isRSASignature(vector.bytes("signature"), of: digest, hash: hash, padding: padding)
        #expect(try isValid == vector.isValid)
    }

    @Test(arguments: try rsa("pkcs1-verify"))
    func `RSASSA-PKCS1-v1_5 is that of RFC 8017`(vector: VectorCase) throws { try checkRSA(vector, .pkcs1) }

    @Test(arguments: try rsa("pss-verify"))
    func `RSASSA-PSS is that of RFC 8017`(vector: VectorCase) throws { try checkRSA(vector, .pss) }

    @Test(arguments: try rsa("pss-salt-verify"))
    func `RSASSA-PSS takes only a salt as long as the digest`(vector: VectorCase) throws { try checkRSA(vector, .pss) }

    @Test(arguments: try Vectors.cases("rsa/pkcs1-sign.json", ["privateKey", "hash", "message", "signature"]))
    func `RSASSA-PKCS1-v1_5 signs as RFC 8017 says`(vector: VectorCase) throws {
        let (hash, der) = (try vector.hash(), try vector.bytes("privateKey"))
        let key = try PrivateKey.readRSA(der)
        let digest = try hash.digest(ofBytes: vector.bytes("message"))
        #expect(try key.rsaSignature(of: digest, hash: hash, padding: .pkcs1) == vector.bytes("signature"))
        #expect(throws: LibcryptoFailure.self) {
            try key.rsaSignature(of: digest.dropLast(), hash: hash, padding: .pkcs1)
        }
    }

    // MARK: ECDSA

    private static func ecdsa(_ file: String) throws -> [VectorCase] {
        try Vectors.cases("ecdsa/\(file)-verify.json", members)
    }

    private func checkECDSA(_ vector: VectorCase, _ curve: KeyPairKind.Curve, _ hash: HashFunction) throws {
        let key = try PublicKey(der: vector.bytes("publicKey"), kind: .curve(curve))
        let digest = try hash.digest(ofBytes: vector.bytes("message"))
        #expect(try key.isECDSASignature(vector.bytes("signature"), of: digest) == vector.isValid)
    }

    @Test(arguments: try ecdsa("p256-sha-256"))
    func `ECDSA on P-256 is that of FIPS 186`(vector: VectorCase) throws { try checkECDSA(vector, .p256, .sha256) }

    @Test(arguments: try ecdsa("p384-sha-384"))
    func `ECDSA on P-384 is that of FIPS 186`(vector: VectorCase) throws { try checkECDSA(vector, .p384, .sha384) }

    @Test(arguments: try ecdsa("p521-sha-512"))
    func `ECDSA on P-521 is that of FIPS 186`(vector: VectorCase) throws { try checkECDSA(vector, .p521, .sha512) }

    @Test(arguments: try ecdsa("secp256k1-sha-256"))
    func `ECDSA on secp256k1 is that of SEC 1`(vector: VectorCase) throws {
        try checkECDSA(vector, .secp256k1, .sha256)
    }

    @Test(arguments: try Vectors.cases("ecdsa/nist-siggen.json", members.union(["curve"])))
    func `ECDSA agrees with the validation program of NIST`(vector: VectorCase) throws {
        switch try vector.text("curve") {
        case "P-256": try checkECDSA(vector, .p256, .sha256)
        case "P-384": try checkECDSA(vector, .p384, .sha384)
        case "P-521": try checkECDSA(vector, .p521, .sha512)
        case let curve: Issue.record("there is no curve \(curve)")
        }
    }

    // MARK: ML-DSA

    @Test(
        arguments: try ["44", "65", "87"].flatMap { name in
            try Vectors.cases("mldsa/\(name)-mu-verify.json", ["publicKey", "mu", "signature", "result"]).map {
                (name, $0)
            }
        })
    func `ML-DSA of a representative is that of FIPS 204`(name: String, vector: VectorCase) throws {
        let byteCount = try #require(["44": 1312, "65": 1952, "87": 2592][name])
        let publicKey = try vector.bytes("publicKey")
        guard publicKey.count == byteCount else {
            #expect(throws: LibcryptoFailure.self) { try MLDSAVerification(publicKey: publicKey) }
            return
        }
        let isValid = try MLDSAVerification(publicKey: publicKey).isSignature(
            vector.bytes("signature"), ofRepresentative: vector.bytes("mu")
        )
        #expect(try isValid == vector.isValid)
    }

    // MARK: SM2

    @Test(arguments: try Vectors.cases("sm2/verify.json", members))
    func `SM2 signatures are those of GB T 32918`(vector: VectorCase) throws {
        let (publicKey, signature) = (try vector.bytes("publicKey"), try vector.bytes("signature"))
        // A key that is not on the curve is no key.
        let key = try? PublicKey(der: publicKey, kind: .sm2)
        let isValid = try vector.bytes("message").withUnsafeBytes { key?.isSM2Signature(signature, of: $0) ?? false }
        #expect(try isValid == vector.isValid)
    }

    // MARK: HMAC

    @Test(arguments: [HashFunction.sha224, .sha256, .sha384, .sha512])
    func `HMAC is that of RFC 4231`(hash: HashFunction) throws {
        let cases = try Vectors.cases("hmac/hmac-sha-\(hash.byteCount * 8).json", ["key", "message", "code"])
        for vector in cases {
            let (key, message) = (try vector.bytes("key"), try vector.bytes("message"))
            let code = try key.withUnsafeBytes { key in
                try message.withUnsafeBytes { message in try hash.hmac(of: message, key: key) }
            }
            #expect(try code == vector.bytes("code"), "\(vector.name)")
        }
    }
}

extension HashFunction {
    func digest(ofBytes message: [UInt8]) throws -> [UInt8] {
        try message.withUnsafeBytes { message throws(LibcryptoFailure) in try digest(of: message) }
    }
}

extension PublicKey {
    /// An RSA key of one of the lengths that there are.
    convenience init(rsa der: [UInt8]) throws {
        let bits = try #require([2048, 3072, 4096].first { (try? PublicKey(der: der, kind: .rsa(bits: $0))) != nil })
        try self.init(der: der, kind: .rsa(bits: bits))
    }
}

extension PrivateKey {
    /// A key from the bytes of its PKCS#8.
    static func read(_ der: [UInt8], kind: KeyPairKind) throws(LibcryptoFailure) -> PrivateKey {
        try SecretBytes(copying: der).withBytes { der throws(LibcryptoFailure) in try PrivateKey(pkcs8: der, kind: kind)
        }
    }

    /// An RSA key of one of the lengths that there are.
    static func readRSA(_ der: [UInt8]) throws -> PrivateKey {
        let keys = [2048, 3072, 4096].lazy.compactMap { try? PrivateKey.read(der, kind: .rsa(bits: $0)) }
        return try #require(keys.first)
    }
}
