import Foundation
import KMSCrypto
import KMSModel
import TestVectors
import Testing

/// Encryption for a key store elsewhere: as the vectors have it, and for nobody who changed anything.
struct ExternalCiphertextTests {
    private static func vectors() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/external-ciphertext-v1.json",
            [
                "keyID", "materialID", "material", "additionalData", "salt", "initializationVector", "plaintext",
                "ciphertextMetadata", "ciphertext", "authenticationTag", "integrityValue",
            ])
    }

    /// The wrapped material of a vector, and a keyring that opens it.
    private static func opened(
        _ vector: VectorCase, drawing random: [UInt8] = []
    ) throws -> (keyring: Keyring, record: MaterialRecord) {
        let materials = try Vectors.cases(
            "chatelaine/wrapped-material-v1.json",
            ["rootKey", "account", "region", "keyID", "materialID", "spec", "material", "nonce", "wrapped"])
        let wanted = try vector.text("materialID")
        let stored = try #require(try materials.first { try $0.text("materialID") == wanted })
        #expect(try stored.text("material") == vector.text("material"))
        let record = MaterialRecord(
            key: try Sample.key(stored.text("keyID"), region: stored.text("region"), account: stored.text("account")),
            id: try #require(KeyMaterialID(wanted)), spec: .symmetricDefault,
            creationDate: Date(timeIntervalSince1970: 0), wrapped: try stored.bytes("wrapped"))
        let keyring = try Keyring(
            rootKey: Sample.rootKey(bytes: stored.bytes("rootKey")), randomness: PreparedRandomness(random), capacity: 1
        )
        return (keyring, record)
    }

    private static func ciphertext(_ vector: VectorCase) throws -> ExternalCiphertext {
        ExternalCiphertext(
            metadata: try vector.bytes("ciphertextMetadata"),
            initializationVector: try vector.bytes("initializationVector"), text: try vector.bytes("ciphertext"),
            tag: try vector.bytes("authenticationTag"))
    }

    @Test(arguments: try vectors())
    func `a plaintext is encrypted as it was`(vector: VectorCase) throws {
        let random = try vector.bytes("salt") + vector.bytes("initializationVector")
        let (keyring, record) = try Self.opened(vector, drawing: random)
        let made = try keyring.encryptExternally(
            SecretBytes(copying: vector.bytes("plaintext")), with: record, binding: vector.bytes("additionalData"))
        #expect(try made == Self.ciphertext(vector))
        #expect(made.canBeOf(record.id))
    }

    @Test(arguments: try vectors())
    func `a ciphertext decrypts`(vector: VectorCase) throws {
        let (keyring, record) = try Self.opened(vector)
        let (ciphertext, bound) = (try Self.ciphertext(vector), try vector.bytes("additionalData"))
        let plaintext = try keyring.decrypt(ciphertext, with: record, binding: bound)
        #expect(try plaintext.bytes == vector.bytes("plaintext"))
        #expect(try keyring.opens(ciphertext, with: record, binding: bound, to: plaintext))
        let other = SecretBytes(copying: plaintext.bytes.flipped(at: 0))
        #expect(try !keyring.opens(ciphertext, with: record, binding: bound, to: other))
        let longer = SecretBytes(copying: plaintext.bytes + [0])
        #expect(try !keyring.opens(ciphertext, with: record, binding: bound, to: longer))
    }

    // MARK: Changes

    private struct World {
        let keyring: Keyring
        let record: MaterialRecord
        let ciphertext: ExternalCiphertext
        let bound = Array("project=nile".utf8)

        init() throws {
            keyring = try Keyring(rootKey: Sample.rootKey(), randomness: SeededRandomness(seed: 4), capacity: 4)
            record = try keyring.makeRecord(for: Sample.key())
            ciphertext = try keyring.encryptExternally(
                SecretBytes(copying: Sample.plaintext), with: record, binding: bound)
        }

        func changed(
            metadata: [UInt8]? = nil, vector: [UInt8]? = nil, text: [UInt8]? = nil, tag: [UInt8]? = nil
        ) -> ExternalCiphertext {
            ExternalCiphertext(
                metadata: metadata ?? ciphertext.metadata,
                initializationVector: vector ?? ciphertext.initializationVector, text: text ?? ciphertext.text,
                tag: tag ?? ciphertext.tag)
        }

        func failure(_ changed: ExternalCiphertext, binding: [UInt8]? = nil, with other: MaterialRecord? = nil)
            -> CryptoFailure?
        {
            do throws(CryptoFailure) {
                _ = try keyring.decrypt(changed, with: other ?? record, binding: binding ?? bound)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test func `no byte can be changed`() throws {
        let world = try World()
        let made = world.ciphertext
        #expect(world.failure(made) == nil)
        for index in made.metadata.indices {
            let expected: CryptoFailure = index == 0 ? .unknownVersion : .notAuthentic
            #expect(world.failure(world.changed(metadata: made.metadata.flipped(at: index))) == expected)
        }
        for index in made.initializationVector.indices {
            let vector = made.initializationVector.flipped(at: index)
            #expect(world.failure(world.changed(vector: vector)) == .notAuthentic)
        }
        for index in made.text.indices {
            #expect(world.failure(world.changed(text: made.text.flipped(at: index))) == .notAuthentic)
        }
        for index in made.tag.indices {
            #expect(world.failure(world.changed(tag: made.tag.flipped(at: index))) == .notAuthentic)
        }
        for index in world.bound.indices {
            #expect(world.failure(made, binding: world.bound.flipped(at: index)) == .notAuthentic)
        }
    }

    @Test func `parts of other lengths are refused`() throws {
        let world = try World()
        let made = world.ciphertext
        for metadata in [[], Array(made.metadata.dropLast()), made.metadata + [0]] {
            #expect(world.failure(world.changed(metadata: metadata)) == .malformed)
        }
        for vector in [[], Array(made.initializationVector.dropLast()), made.initializationVector + [0, 0, 0, 0]] {
            #expect(world.failure(world.changed(vector: vector)) == .malformed)
        }
        for tag in [[], Array(made.tag.dropLast()), made.tag + [0]] {
            #expect(world.failure(world.changed(tag: tag)) == .malformed)
        }
        for text in [[], Array(made.text.dropLast()), made.text + [0]] {
            #expect(world.failure(world.changed(text: text)) == .notAuthentic)
        }
        let most = ExternalCiphertext.mostAdditionalData
        #expect(world.failure(made, binding: [UInt8](repeating: 1, count: most)) == .notAuthentic)
        #expect(world.failure(made, binding: [UInt8](repeating: 1, count: most + 1)) == .tooLong)
    }

    /// The case that the specification warns of: metadata that comes back as additional data.
    @Test func `metadata does not pass for additional data, nor a part of it`() throws {
        let world = try World()
        let bare = try world.keyring.encryptExternally(
            SecretBytes(copying: Sample.plaintext), with: world.record, binding: [])
        #expect(world.failure(bare, binding: []) == nil)
        #expect(world.failure(bare, binding: bare.metadata) == .notAuthentic)
        #expect(world.failure(bare, binding: [0, 0]) == .notAuthentic)
    }

    @Test func `another key with the same material does not decrypt`() throws {
        let world = try World()
        let other = try Sample.key("ffffabcd-12ab-34cd-56ef-1234567890ab")
        let wrapped = try world.keyring.rewrap(world.record, for: other)
        let same = world.record.edited(key: other, wrapped: wrapped)
        #expect(world.failure(world.ciphertext, with: same) == .notAuthentic)
    }

    @Test func `a ciphertext of the KMS API and one for elsewhere have nothing in common`() throws {
        // The same random bytes for both, so that salt and nonce are the same.
        let random = Array((0..<28).map { UInt8($0) })
        let record = try World().record
        func keyring() throws -> Keyring {
            try Keyring(rootKey: Sample.rootKey(), randomness: PreparedRandomness(random), capacity: 1)
        }
        let external = try keyring().encryptExternally(
            SecretBytes(copying: Sample.plaintext), with: record, binding: [])
        let own = try keyring().encrypt(Sample.plaintext, with: record)
        #expect(Array(own[69..<81]) == external.initializationVector)
        #expect(Array(own[81..<81 + Sample.plaintext.count]) != external.text)
    }

    @Test func `a key pair encrypts nothing so`() throws {
        let keyring = try Keyring(rootKey: Sample.rootKey(), randomness: SeededRandomness(seed: 5), capacity: 1)
        let record = try keyring.makeRecord(for: Sample.key(), spec: .eccNISTP256)
        #expect(throws: CryptoFailure.unsupported) {
            _ = try keyring.encryptExternally(SecretBytes(copying: Sample.plaintext), with: record, binding: [])
        }
    }

    @Test func `trying it out uses no key, and tells when there are no random bytes`() throws {
        let keyring = try Keyring(rootKey: Sample.rootKey(), randomness: SeededRandomness(seed: 6), capacity: 1)
        try keyring.tryExternalUse()
        #expect(keyring.occupancy.kept == 0)
        for count in 0..<2 {
            let poor = try Keyring(rootKey: Sample.rootKey(), randomness: FailingRandomness(after: count), capacity: 1)
            #expect(throws: CryptoFailure.unavailable) { try poor.tryExternalUse() }
        }
    }
}
