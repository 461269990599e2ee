import KMSCrypto
import KMSModel
import Testing

struct DataKeyTests {
    private let keyring: Keyring
    private let material: MaterialRecord

    init() throws {
        keyring = try Sample.keyring()
        material = try keyring.makeRecord(for: Sample.key())
    }

    // MARK: Data keys

    @Test(arguments: [1, 16, 32, 64, 1024])
    func `a data key comes in plaintext and encrypted`(byteCount: Int) throws {
        let made = try keyring.makeDataKey(byteCount: byteCount, with: material, context: Sample.context)
        #expect(made.plaintext.count == byteCount)
        #expect(
            try keyring.decryptedBytes(made.ciphertext, with: material, context: Sample.context)
                == made.plaintext.bytes
        )
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(made.ciphertext, with: material, context: .empty)
        }
    }

    @Test func `no two data keys are alike`() throws {
        let keys = try (0..<100).map { _ in
            try keyring.makeDataKey(byteCount: 32, with: material, context: .empty).plaintext.bytes
        }
        #expect(Set(keys).count == 100)
    }

    @Test func `a data key is not made with material that does not open`() throws {
        let edited = material.edited(wrapped: material.stored.flipped(at: 40))
        #expect(throws: CryptoFailure.damagedRecord) {
            try keyring.makeDataKey(byteCount: 32, with: edited, context: .empty)
        }
    }

    @Test(arguments: [1, 256, 257, 1024])
    func `random bytes are as many as were asked for, and others each time`(count: Int) throws {
        #expect(try keyring.randomBytes(count).count == count)
        // Of one byte, a hundred draws are not all the same.
        #expect(Set(try (0..<100).map { _ in try keyring.randomBytes(count).bytes }).count > 1)
    }

    // MARK: Reencryption

    @Test func `what was reencrypted decrypts under the new key and context only`() throws {
        let destination = try keyring.makeRecord(for: Sample.key("00000000-12ab-34cd-56ef-1234567890ab"))
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material, context: Sample.context)
        let other = EncryptionContext([("tenant", "4712")])
        let moved = try keyring.reencrypt(
            ciphertext, from: material, context: Sample.context, to: destination, context: other
        )
        #expect(try SymmetricCiphertext.header(of: moved).keyID == destination.key.keyID)
        #expect(try keyring.decryptedBytes(moved, with: destination, context: other) == Sample.plaintext)
        #expect(throws: CryptoFailure.notAuthentic) {
            try keyring.decrypt(moved, with: destination, context: Sample.context)
        }
        #expect(throws: CryptoFailure.notAuthentic) { try keyring.decrypt(moved, with: material, context: other) }
    }

    @Test func `reencryption under the same key makes another ciphertext`() throws {
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        let again = try keyring.reencrypt(ciphertext, from: material, context: .empty, to: material, context: .empty)
        #expect(again != ciphertext)
        #expect(try keyring.decryptedBytes(again, with: material) == Sample.plaintext)
    }

    @Test func `reencryption refuses what decryption refuses`() throws {
        let destination = try keyring.makeRecord(for: Sample.key("00000000-12ab-34cd-56ef-1234567890ab"))
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material, context: Sample.context)
        func expectRefused(_ ciphertext: [UInt8], _ source: MaterialRecord, _ context: EncryptionContext) {
            #expect(throws: CryptoFailure.notAuthentic) {
                try keyring.reencrypt(ciphertext, from: source, context: context, to: destination, context: .empty)
            }
        }
        expectRefused(ciphertext, material, .empty)
        expectRefused(ciphertext, destination, Sample.context)
        for index in 5..<ciphertext.count { expectRefused(ciphertext.flipped(at: index), material, Sample.context) }
    }

    @Test func `reencryption refuses material that does not open on either side`() throws {
        let edited = material.edited(wrapped: material.stored.flipped(at: 40))
        let destination = try keyring.makeRecord(for: Sample.key("00000000-12ab-34cd-56ef-1234567890ab"))
        let ciphertext = try Sample.keyring(seed: 2).encrypt(Sample.plaintext, with: material)
        #expect(throws: CryptoFailure.damagedRecord) {
            try keyring.reencrypt(ciphertext, from: edited, context: .empty, to: destination, context: .empty)
        }
        let broken = destination.edited(wrapped: destination.stored.flipped(at: 40))
        #expect(throws: CryptoFailure.damagedRecord) {
            try keyring.reencrypt(ciphertext, from: material, context: .empty, to: broken, context: .empty)
        }
    }
}
