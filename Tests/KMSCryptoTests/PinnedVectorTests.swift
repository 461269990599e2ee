import Foundation
import KMSCrypto
import KMSModel
import TestVectors
import Testing

/// What any version wrote opens for ever, and is written as the documentation of the formats says.
struct PinnedVectorTests {
    private static func keyring(_ vector: VectorCase, drawing random: [UInt8] = []) throws -> Keyring {
        try Keyring(
            rootKey: Sample.rootKey(bytes: vector.bytes("rootKey")), randomness: PreparedRandomness(random), capacity: 1
        )
    }

    // MARK: Root key

    @Test(arguments: try Vectors.cases("chatelaine/root-key-v1.json", ["rootKey", "file", "check"]))
    func `a root key file opens, is recognised and is written again`(vector: VectorCase) throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("given").path
            let contents = Data(try vector.text("file").utf8)
            let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
            #expect(FileManager.default.createFile(atPath: path, contents: contents, attributes: attributes))
            let keyring = try Keyring(rootKey: FileSeal(path: path).open(), capacity: 1)
            #expect(keyring.matches(check: try vector.bytes("check")))
            #expect(keyring.makeCheck() == (try vector.bytes("check")))
            let made = directory.appendingPathComponent("made").path
            try FileSeal(path: made).create(from: PreparedRandomness(vector.bytes("rootKey")))
            #expect(FileManager.default.contents(atPath: made) == contents)
        }
    }

    @Test(
        arguments: try Vectors.cases("chatelaine/domain-keys-v1.json", ["rootKey", "purpose", "domain", "info", "key"]))
    func `a domain key is derived from the root key`(vector: VectorCase) throws {
        let derived = Primitives.domainKey(
            try vector.bytes("rootKey"), purpose: try vector.text("purpose"), name: try vector.text("domain")
        )
        #expect(try derived == vector.bytes("key"))
        let output = Primitives.hkdf(try vector.bytes("rootKey"), salt: [], info: try vector.bytes("info"))
        #expect(try output == vector.bytes("key"))
    }

    // MARK: Key material

    private static func materials() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/wrapped-material-v1.json",
            ["rootKey", "account", "region", "keyID", "materialID", "spec", "material", "nonce", "wrapped"]
        )
    }

    private static func record(_ vector: VectorCase) throws -> MaterialRecord {
        MaterialRecord(
            key: try Sample.key(vector.text("keyID"), region: vector.text("region"), account: vector.text("account")),
            id: try #require(KeyMaterialID(vector.text("materialID"))),
            spec: try #require(KeySpec(rawValue: vector.text("spec"))), creationDate: Date(timeIntervalSince1970: 0),
            wrapped: try vector.bytes("wrapped")
        )
    }

    @Test(arguments: try materials())
    func `key material is wrapped as it was`(vector: VectorCase) throws {
        let random = try vector.bytes("materialID") + vector.bytes("material") + vector.bytes("nonce")
        let record = try Self.record(vector)
        let made = try Self.keyring(vector, drawing: random).makeMaterial(for: record.key, spec: record.spec)
        #expect(made.id == record.id)
        #expect(made.wrapped == record.stored)
    }

    @Test(arguments: try materials())
    func `wrapped key material opens`(vector: VectorCase) throws {
        let keyring = try Self.keyring(vector, drawing: [UInt8](repeating: 9, count: 28))
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: Self.record(vector))
        #expect(try keyring.decryptedBytes(ciphertext, with: Self.record(vector)) == Sample.plaintext)
    }

    private static func keyPairs() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/wrapped-key-pairs-v1.json",
            ["rootKey", "account", "region", "keyID", "materialID", "spec", "material", "nonce", "wrapped", "shown"]
        )
    }

    @Test(arguments: try keyPairs())
    func `wrapped key pairs and HMAC keys open`(vector: VectorCase) throws {
        let (keyring, record) = (try Self.keyring(vector), try Self.record(vector))
        let shown =
            try record.spec.isSymmetric
            ? keyring.authenticationCode(of: SecretBytes(copying: Sample.plaintext), with: record)
            : keyring.publicKey(of: record)
        #expect(try shown == vector.bytes("shown"))
        // Wrapped for another region it is still the same encoding.
        let bytes = try vector.bytes("nonce")
        let again = try Self.keyring(vector, drawing: bytes).rewrap(record, for: record.key)
        #expect(again == record.stored)
    }

    @Test(arguments: try keyPairs().filter { !(try $0.text("spec")).contains(/RSA|P\d|SM2/) })
    func `what is made of random bytes alone is wrapped as it was`(vector: VectorCase) throws {
        let record = try Self.record(vector)
        let secret = try vector.bytes("material").suffix(record.spec.isSymmetric ? 64 : 32)
        let random = try vector.bytes("materialID") + secret + vector.bytes("nonce")
        let made = try Self.keyring(vector, drawing: random).makeMaterial(for: record.key, spec: record.spec)
        #expect(made.wrapped == record.stored)
    }

    @Test func `every spec has a vector`() throws {
        let specs = try (Self.materials() + Self.keyPairs()).map { KeySpec(rawValue: try $0.text("spec")) }
        #expect(Set(specs) == Set(KeySpec.allCases))
    }

    // MARK: Secrets

    private static func secrets() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/wrapped-secret-v1.json", ["rootKey", "account", "accessKeyID", "secret", "nonce", "wrapped"]
        )
    }

    @Test(arguments: try secrets())
    func `the secret of an access key is wrapped as it was`(vector: VectorCase) throws {
        let wrapped = try Self.keyring(vector, drawing: vector.bytes("nonce")).wrapSecret(
            SecretBytes(copying: vector.bytes("secret")), accessKeyID: vector.text("accessKeyID"),
            account: try #require(AccountID(vector.text("account")))
        )
        #expect(try wrapped == vector.bytes("wrapped"))
    }

    @Test(arguments: try secrets())
    func `the wrapped secret of an access key opens`(vector: VectorCase) throws {
        let opened = try Self.keyring(vector).signingKey(
            accessKeyID: vector.text("accessKeyID"), account: try #require(AccountID(vector.text("account"))),
            wrappedSecret: vector.bytes("wrapped"), date: "20150830", region: "us-east-1", service: "iam"
        )
        let given = SigningKey(
            secret: SecretBytes(copying: try vector.bytes("secret")), date: "20150830", region: "us-east-1",
            service: "iam"
        )
        #expect(opened.signature(of: Sample.plaintext) == given.signature(of: Sample.plaintext))
    }

    // MARK: Grant tokens

    @Test(
        arguments: try Vectors.cases(
            "chatelaine/grant-token-v1.json", ["rootKey", "region", "keyID", "grantID", "salt", "token"]))
    func `a grant token is made as it was, and names its grant in its region alone`(vector: VectorCase) throws {
        let keyring = try Self.keyring(vector, drawing: vector.bytes("salt"))
        let (token, grant) = (try vector.text("token"), try #require(GrantID(vector.text("grantID"))))
        let key = try Sample.key(vector.text("keyID"), region: vector.text("region"))
        #expect(try keyring.makeGrantToken(for: grant, on: key) == token)
        let named = try #require(keyring.grant(ofToken: token, in: key.region))
        #expect(named.id == grant && named.keyID == key.keyID)
        #expect(keyring.grant(ofToken: token, in: try #require(Region("eu-west-1"))) == nil)
        let bytes = try #require(Base64.decode(token))
        for index in bytes.indices {
            let forged = Base64.encode(bytes.flipped(at: index))
            #expect(keyring.grant(ofToken: forged, in: key.region) == nil, "byte \(index)")
        }
        for length in [0, 1, bytes.count - 1] {
            #expect(keyring.grant(ofToken: Base64.encode(Array(bytes.prefix(length))), in: key.region) == nil)
        }
        #expect(keyring.grant(ofToken: Base64.encode(bytes + [0]), in: key.region) == nil)
    }

    @Test(
        arguments: try Vectors.cases(
            "chatelaine/session-token-v1.json",
            ["rootKey", "accessKeyID", "content", "salt", "nonce", "token", "secret"]))
    func `a session token is made as it was, opens, and signs with its secret`(vector: VectorCase) throws {
        let keyring = try Self.keyring(vector, drawing: vector.bytes("salt") + vector.bytes("nonce"))
        let (token, id, secret) = (
            try vector.text("token"), try vector.text("accessKeyID"), try vector.text("secret")
        )
        let made = try keyring.makeSessionToken(sealing: vector.bytes("content"), accessKeyID: id)
        #expect(made.token == token)
        #expect(made.secret.withBytes { String(decoding: $0, as: UTF8.self) } == secret)
        let opened = try #require(keyring.openSessionToken(token))
        #expect(opened.accessKeyID == id)
        #expect(opened.content == (try vector.bytes("content")))
        let scope = ("20260102", "eu-central-1", "kms")
        let key = try #require(
            keyring.signingKey(
                ofSessionWith: id, seed: opened.seed, date: scope.0, region: scope.1, service: scope.2))
        let plain = SigningKey(
            secret: SecretBytes(copying: secret.utf8), date: scope.0, region: scope.1, service: scope.2)
        #expect(key.signature(of: [1, 2, 3]) == plain.signature(of: [1, 2, 3]))
    }

    @Test(
        arguments: try Vectors.cases(
            "chatelaine/session-token-v1.json",
            ["rootKey", "accessKeyID", "content", "salt", "nonce", "token", "secret"]))
    func `a session token that was changed, or is another server's, does not open`(vector: VectorCase) throws {
        let keyring = try Self.keyring(vector)
        let token = try #require(Base64.decode(vector.text("token")))
        for index in token.indices {
            #expect(keyring.openSessionToken(Base64.encode(token.flipped(at: index))) == nil, "byte \(index)")
        }
        for length in Array(0..<64) + [token.count - 1] where length < token.count {
            #expect(keyring.openSessionToken(Base64.encode(Array(token.prefix(length)))) == nil)
        }
        #expect(keyring.openSessionToken(Base64.encode(token + [0])) == nil)
        #expect(keyring.openSessionToken("") == nil)
        let other = try Keyring(
            rootKey: Sample.rootKey(bytes: [UInt8](repeating: 9, count: 32)), randomness: PreparedRandomness([]),
            capacity: 1)
        #expect(other.openSessionToken(try vector.text("token")) == nil)
    }

    // MARK: Ciphertexts

    private static func ciphertexts() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/ciphertext-v1.json",
            ["keyID", "materialID", "material", "context", "salt", "nonce", "plaintext", "ciphertext"]
        )
    }

    /// The wrapped material that a ciphertext needs.
    private static func material(for vector: VectorCase) throws -> VectorCase {
        let wanted = try vector.text("materialID")
        let material = try #require(try materials().first { try $0.text("materialID") == wanted })
        #expect(try material.text("keyID") == vector.text("keyID"))
        #expect(try material.text("material") == vector.text("material"))
        return material
    }

    @Test(arguments: try ciphertexts())
    func `a ciphertext decrypts`(vector: VectorCase) throws {
        let material = try Self.material(for: vector)
        let plaintext = try Self.keyring(material).decryptedBytes(
            vector.bytes("ciphertext"), with: Self.record(material), context: vector.context("context")
        )
        #expect(try plaintext == vector.bytes("plaintext"))
    }

    @Test(arguments: try ciphertexts())
    func `a plaintext is encrypted as it was`(vector: VectorCase) throws {
        let material = try Self.material(for: vector)
        let random = try vector.bytes("salt") + vector.bytes("nonce")
        let ciphertext = try Self.keyring(material, drawing: random).encrypt(
            vector.bytes("plaintext"), with: Self.record(material), context: vector.context("context")
        )
        #expect(try ciphertext == vector.bytes("ciphertext"))
    }

    @Test func `every wrapped material has a ciphertext that shows it is the right one`() throws {
        let shown = Set(try Self.ciphertexts().map { try $0.text("materialID") })
        #expect(shown == Set(try Self.materials().map { try $0.text("materialID") }))
    }
}
