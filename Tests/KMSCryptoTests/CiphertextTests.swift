import KMSCrypto
import KMSModel
import Testing

struct CiphertextTests {
    static let contexts: [String: [(String, String)]] = [
        "empty": [],
        "one pair": [("purpose", "invoices")],
        "many pairs": (0..<50).map { ("key \($0)", String(repeating: "value ", count: $0)) },
        "Unicode": [("Schlüssel", "Grüße"), ("鍵", "🔑"), ("e\u{301}", "\u{E9}"), ("null", "a\0b")],
        "empty strings": [("", "")],
    ]

    private let keyring: Keyring
    private let material: MaterialRecord

    init() throws {
        keyring = try Sample.keyring()
        material = try keyring.makeRecord(for: Sample.key())
    }

    // MARK: Round trips

    @Test(arguments: [0, 1, 13, 14, 15, 16, 31, 32, 33, 4095, 4096], contexts.keys.sorted())
    func `what was encrypted decrypts to itself`(byteCount: Int, contextName: String) throws {
        let context = EncryptionContext(try #require(Self.contexts[contextName]))
        let plaintext = try keyring.randomBytes(byteCount).bytes
        let ciphertext = try keyring.encrypt(plaintext, with: material, context: context)
        #expect(ciphertext.count == byteCount + SymmetricCiphertext.overhead)
        #expect(try keyring.decryptedBytes(ciphertext, with: material, context: context) == plaintext)
    }

    @Test func `a key that came from the store again decrypts`() throws {
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material, context: Sample.context)
        let restarted = try Sample.keyring(seed: 99)
        #expect(try restarted.decryptedBytes(ciphertext, with: material, context: Sample.context) == Sample.plaintext)
    }

    @Test func `the order of the context's pairs does not matter`() throws {
        let ciphertext = try keyring.encrypt(
            Sample.plaintext, with: material, context: EncryptionContext([("a", "1"), ("b", "2")])
        )
        let reordered = EncryptionContext([("b", "2"), ("a", "1")])
        #expect(try keyring.decryptedBytes(ciphertext, with: material, context: reordered) == Sample.plaintext)
    }

    @Test(arguments: ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"])
    func `a ciphertext says which key and material it needs`(keyID: String) throws {
        let material = try keyring.makeRecord(for: Sample.key(keyID))
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        let header = try SymmetricCiphertext.header(of: ciphertext)
        #expect(header.keyID.description == keyID)
        #expect(header.materialID == material.id)
        #expect(try keyring.decryptedBytes(ciphertext, with: material) == Sample.plaintext)
    }

    @Test func `no two encryptions are alike in salt, nonce, ciphertext or tag`() throws {
        let plaintext = [UInt8](repeating: 0, count: 16)
        let ciphertexts = try (0..<500).map { _ in try keyring.encrypt(plaintext, with: material) }
        for field in [53..<69, 69..<81, 81..<97, 97..<113] {
            #expect(Set(ciphertexts.map { Array($0[field]) }).count == ciphertexts.count, "\(field)")
        }
        // The header has nothing to hide or to vary.
        #expect(Set(ciphertexts.map { Array($0[0..<53]) }).count == 1)
    }

    // MARK: Changed ciphertexts

    @Test(arguments: [UInt8(0x01), 0x80, 0xFF])
    func `a ciphertext with any one byte changed is refused`(mask: UInt8) throws {
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material, context: Sample.context)
        for index in ciphertext.indices {
            let expected: CryptoFailure =
                switch index {
                case 0..<3: .malformed
                case 3: .unknownVersion
                // The form of the key identifier: 0 or 1.
                case 4 where mask != 1: .malformed
                default: .notAuthentic
                }
            #expect(throws: expected, "byte \(index)") {
                try keyring.decrypt(ciphertext.flipped(at: index, by: mask), with: material, context: Sample.context)
            }
        }
    }

    @Test func `a ciphertext that is cut short anywhere is refused`() throws {
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        for count in 0..<ciphertext.count {
            let expected: CryptoFailure = count < SymmetricCiphertext.overhead ? .malformed : .notAuthentic
            #expect(throws: expected, "\(count) bytes") {
                try keyring.decrypt(Array(ciphertext.prefix(count)), with: material, context: .empty)
            }
        }
    }

    @Test(arguments: [1, 2, 16, 4096])
    func `a ciphertext with bytes behind it, in front of it or between is refused`(count: Int) throws {
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        let more = [UInt8](repeating: 0, count: count)
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(ciphertext + more, with: material, context: .empty)
        }
        #expect(throws: CryptoFailure.malformed) {
            try keyring.decrypt(more + ciphertext, with: material, context: .empty)
        }
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(
                ciphertext.prefix(81) + more + ciphertext.dropFirst(81), with: material, context: .empty
            )
        }
    }

    @Test func `parts of two ciphertexts do not make a third`() throws {
        let one = try keyring.encrypt(Array("one".utf8), with: material)
        let two = try keyring.encrypt(Array("two".utf8), with: material)
        for cut in 54..<one.count {
            #expect(throws: CryptoFailure.notAuthentic, "\(cut)") {
                try keyring.decrypt(Array(one.prefix(cut) + two.dropFirst(cut)), with: material, context: .empty)
            }
        }
    }

    // MARK: Wrong context

    @Test func `every other context is refused`() throws {
        let given = [("tenant", "4711"), ("purpose", "invoices")]
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material, context: EncryptionContext(given))
        let others: [[(String, String)]] = [
            [], [given[0]], [given[1]], given + [("more", "")], [("tenant", "4712"), given[1]],
            [("tenant", "471"), given[1]], [("Tenant", "4711"), given[1]],
            [("tenant", "invoices"), ("purpose", "4711")],
            [("tenant4711", ""), given[1]], [("tenan", "t4711"), given[1]], [("4711", "tenant"), given[1]],
            [("purposeinvoices", "tenant4711")],
        ]
        for other in others {
            #expect(throws: CryptoFailure.notAuthentic, "\(other)") {
                try keyring.decrypt(ciphertext, with: material, context: EncryptionContext(other))
            }
        }
    }

    @Test func `a context of one spelling does not stand for another spelling of the same letter`() throws {
        let composed = EncryptionContext([("name", "\u{E9}")])
        let decomposed = EncryptionContext([("name", "e\u{301}")])
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material, context: composed)
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(ciphertext, with: material, context: decomposed)
        }
    }

    @Test func `no context does not stand for a pair of empty strings`() throws {
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(ciphertext, with: material, context: EncryptionContext([("", "")]))
        }
    }

    // MARK: Wrong key

    @Test func `another key refuses the ciphertext`() throws {
        let other = try keyring.makeRecord(for: Sample.key("00000000-12ab-34cd-56ef-1234567890ab"))
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(ciphertext, with: other, context: .empty)
        }
    }

    @Test func `another generation of the same key refuses the ciphertext`() throws {
        let rotated = try keyring.makeRecord(for: material.key)
        #expect(rotated.id != material.id)
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(ciphertext, with: rotated, context: .empty)
        }
    }

    @Test func `a ciphertext whose header was made to name another key is refused by that key`() throws {
        let other = try keyring.makeRecord(for: Sample.key("00000000-12ab-34cd-56ef-1234567890ab"))
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        let foreign = try keyring.encrypt(Sample.plaintext, with: other)
        let forged = Array(foreign.prefix(53) + ciphertext.dropFirst(53))
        #expect(try SymmetricCiphertext.header(of: forged).keyID == other.key.keyID)
        #expect(throws: CryptoFailure.notAuthentic) { try keyring.decrypt(forged, with: other, context: .empty) }
    }

    @Test func `keys that have the same material do not open each other's ciphertexts`() throws {
        // As when one material was imported twice: each time other identifiers, the same 32 bytes.
        func record(_ keyID: String, materialID: UInt8) throws -> MaterialRecord {
            let random = [UInt8](repeating: materialID, count: 32) + [UInt8](repeating: 5, count: 32 + 12)
            return try Keyring(rootKey: Sample.rootKey(), randomness: PreparedRandomness(random), capacity: 1)
                .makeRecord(for: Sample.key(keyID))
        }
        let one = try record("1234abcd-12ab-34cd-56ef-1234567890ab", materialID: 1)
        let others = [
            try record("1234abcd-12ab-34cd-56ef-1234567890ab", materialID: 2),
            try record("00000000-12ab-34cd-56ef-1234567890ab", materialID: 1),
            try record("mrk-1234abcd12ab34cd56ef1234567890ab", materialID: 1),
        ]
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: one)
        #expect(try keyring.decryptedBytes(ciphertext, with: one) == Sample.plaintext)
        for other in others {
            #expect(throws: CryptoFailure.notAuthentic, "\(other.key) \(other.id)") {
                try keyring.decrypt(ciphertext, with: other, context: .empty)
            }
        }
    }

    @Test func `a replica in another region decrypts what its primary encrypted`() throws {
        // The same material, wrapped for two regions: both draw the same bytes.
        let keyID = "mrk-1234abcd12ab34cd56ef1234567890ab"
        let primary = try Sample.keyring(seed: 5).makeRecord(for: Sample.key(keyID, region: "eu-central-1"))
        let replica = try Sample.keyring(seed: 5).makeRecord(for: Sample.key(keyID, region: "us-east-1"))
        #expect(primary.id == replica.id)
        #expect(primary.stored != replica.stored)
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: primary, context: Sample.context)
        #expect(try keyring.decryptedBytes(ciphertext, with: replica, context: Sample.context) == Sample.plaintext)
    }

    // MARK: No randomness

    @Test func `without random bytes nothing is encrypted`() throws {
        let keyring = try Keyring(rootKey: Sample.rootKey(), randomness: FailingRandomness(), capacity: 8)
        #expect(throws: CryptoFailure.unavailable) { try keyring.encrypt(Sample.plaintext, with: material) }
        #expect(throws: CryptoFailure.unavailable) {
            try keyring.makeDataKey(byteCount: 32, with: material, context: .empty)
        }
        #expect(throws: CryptoFailure.unavailable) { try keyring.randomBytes(1) }
    }
}
