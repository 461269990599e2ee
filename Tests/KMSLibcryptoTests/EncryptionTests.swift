import KMSLibcrypto
import KMSModel
import TestVectors
import Testing

/// Public key encryption, key agreement and key wrap are what their standards say.
struct EncryptionTests {
    @Test(
        arguments: try Vectors.cases(
            "rsa/oaep-decrypt.json", ["privateKey", "hash", "ciphertext", "plaintext", "result"])
    )
    func `RSAES-OAEP is that of RFC 8017`(vector: VectorCase) throws {
        let key = try PrivateKey.readRSA(vector.bytes("privateKey"))
        let (hash, ciphertext) = (try vector.hash(), try vector.bytes("ciphertext"))
        if try vector.isValid {
            #expect(try key.rsaDecrypt(ciphertext, hash: hash).bytes == vector.bytes("plaintext"))
        } else {
            #expect(throws: LibcryptoFailure.refused) { try key.rsaDecrypt(ciphertext, hash: hash) }
        }
    }

    @Test(arguments: try Vectors.cases("keywrap/aes-256-kwp-unwrap.json", ["key", "wrapped", "plaintext", "result"]))
    func `AES key wrap with padding is that of RFC 5649`(vector: VectorCase) throws {
        let (key, wrapped) = (try vector.bytes("key"), try vector.bytes("wrapped"))
        func open() throws -> [UInt8] { try key.withUnsafeBytes { try KeyWrap.open(wrapped[...], key: $0).bytes } }
        if try vector.isValid {
            #expect(try open() == vector.bytes("plaintext"))
        } else {
            #expect(throws: LibcryptoFailure.refused) { try open() }
        }
    }

    private static let agreementMembers: Set = ["privateKey", "publicKey", "sharedSecret", "result"]

    private func checkAgreement(_ vector: VectorCase, _ kind: KeyPairKind) throws {
        let key = try PrivateKey.read(vector.bytes("privateKey"), kind: kind)
        let peer = try vector.bytes("publicKey")
        if try vector.isValid {
            let secret = try key.sharedSecret(with: PublicKey(der: peer, kind: kind)).bytes
            #expect(try secret == vector.bytes("sharedSecret"))
        } else {
            #expect(throws: LibcryptoFailure.refused) { try key.sharedSecret(with: PublicKey(der: peer, kind: kind)) }
        }
    }

    @Test(arguments: try Vectors.cases("ecdh/p256.json", agreementMembers))
    func `ECDH on P-256 is that of SP 800-56A`(vector: VectorCase) throws { try checkAgreement(vector, .curve(.p256)) }

    @Test(arguments: try Vectors.cases("ecdh/p384.json", agreementMembers))
    func `ECDH on P-384 is that of SP 800-56A`(vector: VectorCase) throws { try checkAgreement(vector, .curve(.p384)) }

    @Test(arguments: try Vectors.cases("ecdh/p521.json", agreementMembers))
    func `ECDH on P-521 is that of SP 800-56A`(vector: VectorCase) throws { try checkAgreement(vector, .curve(.p521)) }

    @Test(arguments: try Vectors.cases("sm2/decrypt.json", ["privateKey", "ciphertext", "plaintext", "result"]))
    func `SM2 encryption is that of GB T 32918`(vector: VectorCase) throws {
        let key = try PrivateKey.read(vector.bytes("privateKey"), kind: .sm2)
        let ciphertext = try vector.bytes("ciphertext")
        if try vector.isValid {
            #expect(try key.sm2Decrypt(ciphertext).bytes == vector.bytes("plaintext"))
        } else {
            #expect(throws: LibcryptoFailure.refused) { try key.sm2Decrypt(ciphertext) }
        }
        // Bytes behind the ciphertext are no part of it.
        #expect(throws: LibcryptoFailure.refused) { try key.sm2Decrypt(ciphertext + [0]) }
    }

    @Test func `both sides of an SM2 agreement come to the same secret`() throws {
        let (one, other) = (try PrivateKey(generating: .sm2), try PrivateKey(generating: .sm2))
        let secret = try one.sharedSecret(with: other.publicKey).bytes
        #expect(secret.count == 32)
        #expect(try other.sharedSecret(with: one.publicKey).bytes == secret)
        #expect(try one.sharedSecret(with: one.publicKey).bytes != secret)
        let stranger = try PrivateKey(generating: .curve(.p256)).publicKey
        #expect(throws: LibcryptoFailure.refused) { try one.sharedSecret(with: stranger) }
    }
}

extension SecretBytes {
    /// A copy of the bytes.
    fileprivate var bytes: [UInt8] { withBytes { Array($0) } }
}
