import KMSCrypto
import KMSModel
import Testing

/// What the store can hand back instead of what was stored.
struct MaterialRecordTests {
    private let keyring: Keyring
    private let material: MaterialRecord
    private let ciphertext: [UInt8]

    init() throws {
        let maker = try Sample.keyring()
        material = try maker.makeRecord(for: Sample.key())
        ciphertext = try maker.encrypt(Sample.plaintext, with: material)
        // One that has not opened the material yet.
        keyring = try Sample.keyring(seed: 2)
    }

    private func expectRefused(
        _ record: MaterialRecord, _ comment: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: CryptoFailure.damagedRecord, comment, sourceLocation: sourceLocation) {
            try keyring.encrypt(Sample.plaintext, with: record)
        }
        #expect(throws: CryptoFailure.self, comment, sourceLocation: sourceLocation) {
            try keyring.decrypt(ciphertext, with: record, context: .empty)
        }
    }

    @Test func `material is 61 bytes when wrapped, and never twice the same`() throws {
        let wrapped = try (0..<100).map { _ in try keyring.makeRecord(for: material.key).stored }
        #expect(wrapped.allSatisfy { $0.count == 61 && $0[0] == 1 })
        #expect(Set(wrapped.map { $0[1..<13] }).count == 100)
        #expect(Set(wrapped.map { $0[13...] }).count == 100)
    }

    @Test(arguments: 0..<3)
    func `without random bytes no material is made`(requestCount: Int) throws {
        let randomness = FailingRandomness(after: requestCount)
        let keyring = try Keyring(rootKey: Sample.rootKey(), randomness: randomness, capacity: 8)
        #expect(throws: CryptoFailure.unavailable) {
            try keyring.makeMaterial(for: Sample.key(), spec: .symmetricDefault)
        }
    }

    // MARK: Edited

    @Test func `the record as it was stored is accepted`() throws {
        #expect(try keyring.decryptedBytes(ciphertext, with: material) == Sample.plaintext)
    }

    @Test(arguments: [UInt8(0x01), 0x80])
    func `wrapped material with any one byte changed is refused`(mask: UInt8) {
        for index in material.stored.indices {
            let record = material.edited(wrapped: material.stored.flipped(at: index, by: mask))
            expectRefused(record, "byte \(index)")
        }
    }

    @Test func `wrapped material that is cut short or extended is refused`() {
        for count in material.stored.indices {
            let record = material.edited(wrapped: Array(material.stored.prefix(count)))
            expectRefused(record, "\(count) bytes")
        }
        expectRefused(material.edited(wrapped: material.stored + [0]))
        expectRefused(material.edited(wrapped: material.stored + material.stored))
    }

    @Test func `material under the name of another account, region, key or generation is refused`() throws {
        expectRefused(material.edited(key: try Sample.key(account: "111122223334")))
        expectRefused(material.edited(key: try Sample.key(region: "eu-central-2")))
        expectRefused(material.edited(key: try Sample.key("1234abcd-12ab-34cd-56ef-1234567890ac")))
        expectRefused(material.edited(key: try Sample.key("mrk-1234abcd12ab34cd56ef1234567890ab")))
        let id = try #require(KeyMaterialID(bytes: material.id.bytes.flipped(at: 31)))
        expectRefused(material.edited(id: id))
    }

    @Test(arguments: KeySpec.allCases.filter { $0 != .symmetricDefault })
    func `material under another spec is refused`(spec: KeySpec) { expectRefused(material.edited(spec: spec)) }

    @Test(arguments: KeySpec.allCases.filter { $0 != .symmetricDefault })
    func `material under another spec is refused also when it is open already`(spec: KeySpec) throws {
        #expect(try keyring.decryptedBytes(ciphertext, with: material) == Sample.plaintext)
        expectRefused(material.edited(spec: spec))
    }

    @Test func `an edited record is refused also when the true one is open already`() throws {
        #expect(try keyring.decryptedBytes(ciphertext, with: material) == Sample.plaintext)
        expectRefused(material.edited(key: try Sample.key(account: "111122223334")))
        expectRefused(material.edited(key: try Sample.key(region: "eu-central-2")))
        let id = try #require(KeyMaterialID(bytes: material.id.bytes.flipped(at: 31)))
        expectRefused(material.edited(id: id))
    }

    // MARK: Swapped

    @Test func `the wrapped material of another key, generation, account or region is refused`() throws {
        let others = [
            try Sample.key("00000000-12ab-34cd-56ef-1234567890ab"), material.key,
            try Sample.key(account: "444455556666"), try Sample.key(region: "us-east-1"),
        ]
        for other in others {
            let stranger = try keyring.makeRecord(for: other)
            expectRefused(material.edited(wrapped: stranger.stored), "\(other)")
            expectRefused(stranger.edited(wrapped: material.stored), "\(other)")
        }
    }

    @Test func `a wrapped secret is not material`() throws {
        let secret = SecretBytes(copying: [UInt8](repeating: 1, count: 32))
        let wrapped = try keyring.wrapSecret(secret, accessKeyID: "AKIAIOSFODNN7EXAMPLE", account: material.key.account)
        expectRefused(material.edited(wrapped: wrapped))
    }

    @Test func `a region's domain key does not open what another region wrapped`() throws {
        // Names that differ only where one ends; each has to count as a whole.
        for (one, two) in [("eu-central-1", "eu-central-11"), ("eu-west-1", "us-west-1")] {
            let record = try keyring.makeRecord(for: Sample.key(region: one))
            #expect(try keyring.encrypt(Sample.plaintext, with: record).count == Sample.plaintext.count + 97)
            expectRefused(record.edited(key: try Sample.key(region: two)))
        }
    }

    // MARK: Another root key

    @Test func `material does not open under another root key`() throws {
        let stranger = try Sample.keyring(rootKey: 8)
        #expect(throws: CryptoFailure.damagedRecord) { try stranger.encrypt(Sample.plaintext, with: material) }
        #expect(throws: CryptoFailure.damagedRecord) {
            try stranger.decrypt(ciphertext, with: material, context: .empty)
        }
    }

    @Test func `the check tells the root key from every other one`() throws {
        let check = keyring.makeCheck()
        #expect(check.count == 32)
        #expect(keyring.matches(check: check))
        #expect(try Sample.keyring(rootKey: 7, seed: 3).matches(check: check))
        #expect(try !Sample.keyring(rootKey: 8).matches(check: check))
        for index in check.indices { #expect(!keyring.matches(check: check.flipped(at: index))) }
        for count in check.indices { #expect(!keyring.matches(check: Array(check.prefix(count)))) }
        #expect(!keyring.matches(check: check + [0]))
    }
}
