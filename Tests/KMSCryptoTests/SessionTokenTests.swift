import KMSCrypto
import KMSModel
import Testing

struct SessionTokenTests {
    private static let accessKeyID = "ASIAIOSFODNN7EXAMPLE"
    private static let content = Array(#"{"account":"111122223333"}"#.utf8)

    private static func token(of keyring: Keyring) throws -> [UInt8] {
        let made = try keyring.makeSessionToken(sealing: content, accessKeyID: accessKeyID)
        return try #require(Base64.decode(made.token))
    }

    @Test(arguments: [0, 1, 255, 4096, 20_000])
    func `a token opens to what was sealed`(count: Int) throws {
        let keyring = try Sample.keyring()
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        for id in [Self.accessKeyID, "", "ASIA\u{E9}"] {
            let made = try keyring.makeSessionToken(sealing: content, accessKeyID: id)
            let opened = try #require(keyring.openSessionToken(made.token))
            #expect(opened.accessKeyID == id)
            #expect(opened.content == content)
        }
    }

    @Test func `a token opens on every server with the root key, and on no other`() throws {
        let made = try Sample.keyring(seed: 1).makeSessionToken(sealing: Self.content, accessKeyID: Self.accessKeyID)
        #expect(try Sample.keyring(seed: 2).openSessionToken(made.token)?.content == Self.content)
        #expect(try Sample.keyring(rootKey: 8).openSessionToken(made.token) == nil)
    }

    @Test func `no bit of a token can be changed`() throws {
        let keyring = try Sample.keyring()
        let token = try Self.token(of: keyring)
        for index in token.indices {
            for bit in 0..<8 {
                let changed = token.flipped(at: index, by: 1 << UInt8(bit))
                #expect(keyring.openSessionToken(Base64.encode(changed)) == nil, "bit \(bit) of byte \(index)")
            }
        }
    }

    @Test func `a token that is shorter or longer does not open`() throws {
        let keyring = try Sample.keyring()
        let token = try Self.token(of: keyring)
        for count in 0..<token.count {
            #expect(keyring.openSessionToken(Base64.encode(Array(token.prefix(count)))) == nil, "\(count) bytes")
            #expect(keyring.openSessionToken(Base64.encode(Array(token.suffix(count)))) == nil, "last \(count) bytes")
        }
        #expect(keyring.openSessionToken(Base64.encode(token + [0])) == nil)
        #expect(keyring.openSessionToken(Base64.encode(token + token)) == nil)
    }

    @Test func `a text that is not the token's base64 does not open`() throws {
        let keyring = try Sample.keyring()
        let text = Base64.encode(try Self.token(of: keyring))
        #expect(keyring.openSessionToken(text) != nil)
        for changed in [
            "", "=", " " + text, text + " ", text + "\n", text + "=", text.lowercased(), text.uppercased(),
            String(text.dropLast()), "\u{E9}" + text.dropFirst(),
        ] {
            #expect(keyring.openSessionToken(changed) == nil, "\(changed)")
        }
    }

    @Test func `parts of two tokens are no token`() throws {
        let keyring = try Sample.keyring()
        let (one, other) = (try Self.token(of: keyring), try Self.token(of: keyring))
        #expect(one.count == other.count)
        for count in 5..<one.count {
            let mixed = Array(one.prefix(count) + other.dropFirst(count))
            #expect(mixed == one || mixed == other || keyring.openSessionToken(Base64.encode(mixed)) == nil)
        }
    }

    @Test func `a grant token is no session token, and a session token no grant token`() throws {
        let keyring = try Sample.keyring()
        let key = try Sample.key()
        let grant = try #require(GrantID(bytes: [UInt8](repeating: 1, count: 32)))
        #expect(try keyring.openSessionToken(keyring.makeGrantToken(for: grant, on: key)) == nil)
        #expect(try keyring.grant(ofToken: Base64.encode(Self.token(of: keyring)), in: key.region) == nil)
    }

    @Test func `a token shows nothing of what is in it, and no two are alike`() throws {
        let keyring = try Sample.keyring()
        let tokens = try (0..<50).map { _ in try Self.token(of: keyring) }
        #expect(Set(tokens).count == tokens.count)
        #expect(Set(tokens.map { $0[4..<20] }).count == tokens.count)
        for token in tokens {
            #expect(token.firstRange(of: Array(Self.accessKeyID.utf8)) == nil)
            #expect(token.firstRange(of: Self.content) == nil)
        }
    }

    // MARK: Secrets

    @Test func `a secret is forty characters of base64, and every token has its own`() throws {
        let keyring = try Sample.keyring()
        var secrets: Set<[UInt8]> = []
        for _ in 0..<50 {
            let made = try keyring.makeSessionToken(sealing: Self.content, accessKeyID: Self.accessKeyID)
            let secret = made.secret.bytes
            #expect(secret.count == 40)
            #expect(Base64.decode(String(decoding: secret, as: UTF8.self))?.count == 30)
            secrets.insert(secret)
        }
        #expect(secrets.count == 50)
    }

    @Test func `a secret is of its salt, its access key and its root key`() throws {
        func secret(_ id: String, rootKey: UInt8 = 7, salt: UInt8 = 1) throws -> [UInt8] {
            let random = PreparedRandomness([UInt8](repeating: salt, count: 16) + [UInt8](repeating: 2, count: 12))
            let keyring = try Keyring(rootKey: Sample.rootKey(rootKey), randomness: random, capacity: 1)
            return try keyring.makeSessionToken(sealing: Self.content, accessKeyID: id).secret.bytes
        }
        let secrets = [
            try secret("ASIAIOSFODNN7EXAMPLE"), try secret("ASIAIOSFODNN7EXAMPLF"),
            try secret("ASIAIOSFODNN7EXAMPLE", rootKey: 8), try secret("ASIAIOSFODNN7EXAMPLE", salt: 3),
        ]
        #expect(Set(secrets).count == secrets.count)
        #expect(try secret("ASIAIOSFODNN7EXAMPLE") == secrets[0])
    }

    @Test func `the signing key that a token leads to is the one of its secret`() throws {
        let keyring = try Sample.keyring()
        let made = try keyring.makeSessionToken(sealing: Self.content, accessKeyID: Self.accessKeyID)
        let opened = try #require(keyring.openSessionToken(made.token))
        func derived(_ id: String = Self.accessKeyID, _ seed: SessionSeed = opened.seed) -> [UInt8]? {
            keyring.signingKey(
                ofSessionWith: id, seed: seed, date: "20260102", region: "eu-central-1", service: "kms"
            )?.signature(of: Sample.plaintext)
        }
        let given = SigningKey(secret: made.secret, date: "20260102", region: "eu-central-1", service: "kms")
        #expect(derived() == given.signature(of: Sample.plaintext))
        #expect(derived("ASIAIOSFODNN7EXAMPLF") != derived())
        #expect(derived(Self.accessKeyID, opened.seed.with(salt: opened.seed.salt.flipped(at: 0))) != derived())
    }

    @Test(arguments: 0..<2)
    func `without random bytes there is no token`(count: Int) throws {
        let keyring = try Keyring(
            rootKey: Sample.rootKey(), randomness: FailingRandomness(after: count), capacity: 1)
        #expect(throws: CryptoFailure.unavailable) {
            _ = try keyring.makeSessionToken(sealing: Self.content, accessKeyID: Self.accessKeyID)
        }
    }
}
