import KMSCrypto
import KMSModel
import Testing

struct AccessKeySecretTests {
    private static let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    private static let accessKeyID = "AKIAIOSFODNN7EXAMPLE"

    private let keyring: Keyring
    private let account: AccountID
    private let wrapped: [UInt8]

    init() throws {
        keyring = try Sample.keyring()
        account = try Sample.key().account
        wrapped = try keyring.wrapSecret(
            SecretBytes(copying: Array(Self.secret.utf8)), accessKeyID: Self.accessKeyID, account: account
        )
    }

    private func signingKey(
        _ wrapped: [UInt8], accessKeyID: String = accessKeyID, account: AccountID? = nil, by keyring: Keyring? = nil
    ) throws(CryptoFailure) -> SigningKey {
        try (keyring ?? self.keyring).signingKey(
            accessKeyID: accessKeyID, account: account ?? self.account, wrappedSecret: wrapped, date: "20150830",
            region: "us-east-1", service: "iam"
        )
    }

    // MARK: Signing keys

    /// "Create a signed AWS API request", IAM User Guide, and botocore for the second: what the derived key is.
    static let derivations = [
        ("20150830", "iam", "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"),
        ("20260102", "kms", "11430ad8a00c2d57affadef989330e493df112710a5c800ad0feba27ebe1c9fe"),
    ]

    @Test(arguments: derivations)
    func `the published signing key signs as the derived one does`(date: String, service: String, key: String) throws {
        let published = try #require(Hex.decode(key))
        let derived = SigningKey(
            secret: SecretBytes(copying: Array(Self.secret.utf8)), date: date, region: "us-east-1", service: service
        )
        let text = Array("string to sign".utf8)
        #expect(derived.signature(of: text) == Primitives.hmac(of: text, key: published))
    }

    @Test func `the worked request of the KMS has the signature that botocore makes`() throws {
        let key = SigningKey(
            secret: SecretBytes(copying: Array(Self.secret.utf8)), date: "20260102", region: "us-east-1", service: "kms"
        )
        let text = """
            AWS4-HMAC-SHA256
            20260102T030405Z
            20260102/us-east-1/kms/aws4_request
            bc950ce97a14b8dcb54449d9143330f5af935bd8ede3beffd35c478a38c9bac7
            """
        let expected = "dab215cc1fcc7db639be43f92873faba9a5eef514a0502f9d86ac84a42fc12ea"
        #expect(Hex.encode(key.signature(of: Array(text.utf8))) == expected)
    }

    @Test func `the worked request of IAM has the published signature`() throws {
        let text = """
            AWS4-HMAC-SHA256
            20150830T123600Z
            20150830/us-east-1/iam/aws4_request
            f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59
            """
        let expected = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        #expect(Hex.encode(try signingKey(wrapped).signature(of: Array(text.utf8))) == expected)
    }

    @Test func `a signature is valid for its bytes only`() throws {
        let key = try signingKey(wrapped)
        let text = Array("string to sign".utf8)
        let signature = key.signature(of: text)
        #expect(signature.count == 32)
        #expect(key.isValid(signature, for: text))
        #expect(!key.isValid(signature, for: text + [0]))
        #expect(!key.isValid(signature, for: []))
        for index in signature.indices { #expect(!key.isValid(signature.flipped(at: index), for: text)) }
        for count in signature.indices { #expect(!key.isValid(Array(signature.prefix(count)), for: text)) }
        #expect(!key.isValid(signature + [0], for: text))
    }

    @Test func `a key of another secret, day, region or service does not accept the signature`() throws {
        let text = Array("string to sign".utf8)
        let signature = try signingKey(wrapped).signature(of: text)
        func key(_ secret: String, _ date: String, _ region: String, _ service: String) -> SigningKey {
            SigningKey(secret: SecretBytes(copying: Array(secret.utf8)), date: date, region: region, service: service)
        }
        #expect(key(Self.secret, "20150830", "us-east-1", "iam").isValid(signature, for: text))
        #expect(!key(Self.secret + "A", "20150830", "us-east-1", "iam").isValid(signature, for: text))
        #expect(!key(Self.secret, "20150831", "us-east-1", "iam").isValid(signature, for: text))
        #expect(!key(Self.secret, "20150830", "us-east-2", "iam").isValid(signature, for: text))
        #expect(!key(Self.secret, "20150830", "us-east-1", "kms").isValid(signature, for: text))
    }

    // MARK: Wrapped secrets

    @Test func `a wrapped secret is 29 bytes longer and never twice the same`() throws {
        let all = try (0..<100).map { _ in
            try keyring.wrapSecret(
                SecretBytes(copying: Array(Self.secret.utf8)), accessKeyID: Self.accessKeyID, account: account
            )
        }
        #expect(all.allSatisfy { $0.count == Self.secret.utf8.count + 29 && $0[0] == 1 })
        #expect(Set(all.map { $0[1..<13] }).count == 100)
    }

    @Test(arguments: [1, 14, 15, 40, 128])
    func `a secret of any length comes back`(count: Int) throws {
        let secret = [UInt8](repeating: UInt8(ascii: "k"), count: count)
        let wrapped = try keyring.wrapSecret(
            SecretBytes(copying: secret), accessKeyID: Self.accessKeyID, account: account
        )
        let direct = SigningKey(
            secret: SecretBytes(copying: secret), date: "20150830", region: "us-east-1", service: "iam"
        )
        let text = Array("string to sign".utf8)
        #expect(try signingKey(wrapped).isValid(direct.signature(of: text), for: text))
    }

    @Test func `a wrapped secret with any one byte changed is refused`() {
        for index in wrapped.indices {
            #expect(throws: CryptoFailure.damagedRecord, "byte \(index)") { try signingKey(wrapped.flipped(at: index)) }
        }
    }

    @Test func `a wrapped secret that is cut short or extended is refused`() {
        for count in wrapped.indices {
            #expect(throws: CryptoFailure.damagedRecord, "\(count) bytes") {
                try signingKey(Array(wrapped.prefix(count)))
            }
        }
        #expect(throws: CryptoFailure.damagedRecord) { try signingKey(wrapped + [0]) }
    }

    @Test func `the secret of another access key or account is refused`() throws {
        let other = try #require(AccountID("444455556666"))
        #expect(throws: CryptoFailure.damagedRecord) { try signingKey(wrapped, account: other) }
        for accessKeyID in ["AKIAIOSFODNN7EXAMPLF", "AKIAIOSFODNN7EXAMPL", "akiaiosfodnn7example", ""] {
            #expect(throws: CryptoFailure.damagedRecord, "\(accessKeyID)") {
                try signingKey(wrapped, accessKeyID: accessKeyID)
            }
        }
    }

    @Test func `another root key does not open the secret, and key material is not one`() throws {
        let stranger = try Sample.keyring(rootKey: 8)
        #expect(throws: CryptoFailure.damagedRecord) { try signingKey(wrapped, by: stranger) }
        let material = try keyring.makeRecord(for: Sample.key())
        #expect(throws: CryptoFailure.damagedRecord) { try signingKey(material.stored) }
    }

    @Test func `without random bytes no secret is wrapped`() throws {
        let keyring = try Keyring(rootKey: Sample.rootKey(), randomness: FailingRandomness(), capacity: 1)
        #expect(throws: CryptoFailure.unavailable) {
            try keyring.wrapSecret(SecretBytes(copying: [1]), accessKeyID: Self.accessKeyID, account: account)
        }
    }
}
