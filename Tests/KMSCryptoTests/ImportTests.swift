import Foundation
import KMSCrypto
import KMSModel
import TestVectors
import Testing

/// Material that customers bring; the vectors were made with Python alone.
struct ImportTests {
    private static func vectors() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/import-v1.json",
            [
                "rootKey", "account", "region", "keyID", "spec", "algorithm", "creation", "wrappingKey", "nonce",
                "material", "token", "encrypted", "materialID",
            ]
        )
    }

    /// One import, of which a test changes what it likes.
    private struct Attempt {
        let keyring: Keyring
        var key: KeyARN
        var token: [UInt8]
        var encrypted: [UInt8]
        var time: Date

        init(_ vector: VectorCase) throws {
            keyring = try Keyring(rootKey: Sample.rootKey(bytes: vector.bytes("rootKey")), capacity: 1)
            key = try Sample.key(
                vector.text("keyID"), region: vector.text("region"), account: vector.text("account"))
            token = try vector.bytes("token")
            encrypted = try vector.bytes("encrypted")
            time = Date(timeIntervalSince1970: try #require(Double(vector.text("creation"))) / 1000)
        }

        func run() throws(ImportFailure) -> (id: KeyMaterialID, wrapped: [UInt8]) {
            try keyring.importMaterial(encrypted, token: token, for: key, spec: .symmetricDefault, at: time)
        }

        func with(_ edit: (inout Attempt) throws -> Void) rethrows -> Attempt {
            var copy = self
            try edit(&copy)
            return copy
        }
    }

    @Test(arguments: try vectors())
    func `material that was wrapped elsewhere is taken in and has its identifier`(vector: VectorCase) throws {
        let attempt = try Attempt(vector)
        let brought = try attempt.run()
        #expect(brought.id.description == (try vector.text("materialID")))
        let record = MaterialRecord(
            key: attempt.key, id: brought.id, spec: .symmetricDefault, creationDate: attempt.time,
            wrapped: brought.wrapped
        )
        let ciphertext = try attempt.keyring.encrypt(Sample.plaintext, with: record)
        // The same material, brought into another region by wrapping it again, opens what this one closed.
        let elsewhere = try Sample.key(
            vector.text("keyID"), region: "ap-northeast-1", account: vector.text("account"))
        let shared = MaterialRecord(
            key: elsewhere, id: brought.id, spec: .symmetricDefault, creationDate: attempt.time,
            wrapped: try attempt.keyring.rewrap(record, for: elsewhere)
        )
        #expect(shared.stored != record.stored)
        #expect(try attempt.keyring.decryptedBytes(ciphertext, with: shared) == Sample.plaintext)
    }

    @Test(arguments: try vectors())
    func `a token is for one key and 24 hours`(vector: VectorCase) throws {
        let attempt = try Attempt(vector)
        for index in stride(from: 0, to: attempt.token.count, by: 7) {
            let changed = attempt.with { $0.token = $0.token.flipped(at: index) }
            #expect(throws: ImportFailure.invalidToken, "byte \(index)") { _ = try changed.run() }
        }
        for token in [[], [1], Array(attempt.token.dropLast()), attempt.token + [0]] {
            #expect(throws: ImportFailure.invalidToken) { _ = try attempt.with { $0.token = token }.run() }
        }
        let others = [
            try Sample.key("00000000-12ab-34cd-56ef-1234567890ab"),
            try Sample.key(vector.text("keyID"), region: "us-west-2"),
            try Sample.key(vector.text("keyID"), region: vector.text("region"), account: "444455556666"),
        ]
        for other in others {
            #expect(throws: ImportFailure.invalidToken, "\(other)") { _ = try attempt.with { $0.key = other }.run() }
        }
        let day: TimeInterval = 24 * 60 * 60
        #expect(throws: Never.self) { _ = try attempt.with { $0.time += day }.run() }
        #expect(throws: ImportFailure.expiredToken) { _ = try attempt.with { $0.time += day + 0.001 }.run() }
    }

    @Test(arguments: try vectors())
    func `material that was changed on the way is refused`(vector: VectorCase) throws {
        let attempt = try Attempt(vector)
        for index in stride(from: 0, to: attempt.encrypted.count, by: 31) {
            let changed = attempt.with { $0.encrypted = $0.encrypted.flipped(at: index) }
            #expect(throws: ImportFailure.invalidMaterial, "byte \(index)") { _ = try changed.run() }
        }
        for encrypted in [[], [0], Array(attempt.encrypted.dropLast()), attempt.encrypted + [0]] {
            #expect(throws: ImportFailure.invalidMaterial) { _ = try attempt.with { $0.encrypted = encrypted }.run() }
        }
    }

    @Test func `every set of parameters has a wrapping key of its own`() throws {
        let keyring = try Sample.keyring()
        let key = try Sample.key()
        let now = Date(timeIntervalSince1970: 1_790_000_000)
        let made = try (0..<2).map { _ in
            try keyring.makeImportParameters(
                for: key, spec: .symmetricDefault, wrapping: .rsaesOAEPSHA256, by: .rsa2048, at: now)
        }
        #expect(made[0].publicKey != made[1].publicKey && made[0].token != made[1].token)
        // A SubjectPublicKeyInfo of an RSA key of 2048 bits has 294 bytes (RFC 5280).
        #expect(made.allSatisfy { $0.publicKey.count == 294 && $0.token.count <= 6144 })
        #expect(throws: ImportFailure.invalidMaterial) {
            _ = try keyring.importMaterial(
                [UInt8](repeating: 1, count: 256), token: made[0].token, for: key, spec: .symmetricDefault, at: now)
        }
    }
}
