import Foundation
import KMSCrypto
import KMSModel
import Testing

/// One root key takes the place of another while the keyring is in use.
struct RootRotationTests {
    private static let content = Array("session".utf8)
    private static let accessKeyID = "ASIAIOSFODNN7EXAMPLE"
    /// To the millisecond, as it is kept.
    private static let end = RootRetirement(date: Date(timeIntervalSince1970: 1_700_000_000.25), takesTokens: true)
    private static let refusal = RootRetirement(date: end.date, takesTokens: false)
    private let keyring: Keyring
    private let material: MaterialRecord
    private let ciphertext: [UInt8]

    init() throws {
        keyring = try Sample.keyring()
        material = try keyring.makeRecord(for: Sample.key())
        ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
    }

    /// The keyring of a process that starts with the new root key, which the old one opened from `succession`.
    private func restarted(_ succession: RootSuccession) async throws -> Keyring {
        let other = try Sample.keyring(seed: 9)
        try other.succeed(by: succession)
        return try await other.withRootKey { try Keyring(rootKey: $0, capacity: 8) }
    }

    /// What a start does after a rotation that ended sessions.
    private func refuseTokens() throws {
        let old = try keyring.makePredecessor(Self.refusal)
        try keyring.take(predecessor: old.record, check: old.check, identifierKey: [])
    }

    @Test func `both root keys open until the old one is forgotten`() throws {
        let succession = try keyring.makeSuccession(Self.end)
        #expect(!keyring.matches(check: succession.check))
        try keyring.succeed(by: succession)
        #expect(keyring.matches(check: succession.check))

        let fresh = try Sample.keyring(seed: 5)
        try fresh.succeed(by: succession)
        #expect(try fresh.decryptedBytes(ciphertext, with: material) == Sample.plaintext)
        fresh.forgetPreviousRootKey()
        fresh.forget(material.key)
        #expect(throws: CryptoFailure.damagedRecord) { try fresh.decryptedBytes(ciphertext, with: material) }
    }

    @Test func `material that is renewed opens under the new root key alone`() async throws {
        let succession = try keyring.makeSuccession(Self.end)
        try keyring.succeed(by: succession)
        var renewed = material
        renewed.wrapped = try keyring.renewed(material)
        #expect(renewed.wrapped != nil && renewed.wrapped != material.wrapped)
        #expect(try keyring.renewed(renewed) == nil)
        let restarted = try await restarted(succession)
        #expect(try restarted.decryptedBytes(ciphertext, with: renewed) == Sample.plaintext)
        restarted.forget(material.key)
        #expect(throws: CryptoFailure.damagedRecord) { try restarted.decryptedBytes(ciphertext, with: material) }
        var damaged = material
        damaged.wrapped = material.wrapped?.flipped(at: 30)
        #expect(throws: CryptoFailure.damagedRecord) { try keyring.renewed(damaged) }
    }

    @Test func `an access key's secret that is renewed signs as before`() throws {
        let account = try #require(AccountID("111122223333"))
        let id = "AKIAIOSFODNN7EXAMPLE"
        let wrapped = try keyring.wrapSecret(SecretBytes(copying: Self.content), accessKeyID: id, account: account)
        func signature(_ wrapped: [UInt8]) throws -> [UInt8] {
            try keyring.signingKey(
                accessKeyID: id, account: account, wrappedSecret: wrapped, date: "20260102", region: "eu-central-1",
                service: "kms"
            ).signature(of: Sample.plaintext)
        }
        let before = try signature(wrapped)
        try keyring.succeed(by: keyring.makeSuccession(Self.end))
        #expect(try signature(wrapped) == before)
        let renewed = try #require(try keyring.renewed(wrapped, accessKeyID: id, account: account))
        keyring.forgetPreviousRootKey()
        #expect(try signature(renewed) == before)
        #expect(throws: CryptoFailure.damagedRecord) { try signature(wrapped) }
    }

    @Test func `the store's half of a succession is enough, whichever root key the seal has`() async throws {
        let succession = try keyring.makeSuccession(Self.end)
        // The old one: it opens the new one.
        let old = try Sample.keyring(seed: 3)
        try old.succeed(by: succession)
        #expect(old.matches(check: succession.check))
        // The new one: it opens the old one.
        let new = try await restarted(succession)
        let end = try new.take(
            predecessor: succession.predecessor, check: succession.check, identifierKey: succession.identifierKey)
        #expect(end == Self.end)
        #expect(try new.decryptedBytes(ciphertext, with: material) == Sample.plaintext)
    }

    @Test func `an edited succession is refused`() async throws {
        let succession = try keyring.makeSuccession(Self.end)
        for index in succession.successor.indices {
            let edited = RootSuccession(
                check: succession.check, successor: succession.successor.flipped(at: index),
                predecessor: succession.predecessor, identifierKey: succession.identifierKey)
            #expect(throws: CryptoFailure.damagedRecord) { try Sample.keyring().succeed(by: edited) }
        }
        let wrongMark = RootSuccession(
            check: succession.check.flipped(at: 0), successor: succession.successor,
            predecessor: succession.predecessor, identifierKey: succession.identifierKey)
        #expect(throws: CryptoFailure.damagedRecord) { try Sample.keyring().succeed(by: wrongMark) }
        // One wrapped root key does not pass for the other.
        let new = try await restarted(succession)
        for wrong in [succession.identifierKey, succession.successor, []] {
            #expect(throws: CryptoFailure.damagedRecord) {
                try new.take(
                    predecessor: wrong, check: succession.check, identifierKey: succession.identifierKey)
            }
        }
    }

    @Test func `the record of the old root key opens unedited only, and by the check that names it`() async throws {
        let succession = try keyring.makeSuccession(Self.refusal)
        let new = try await restarted(succession)
        func end(_ record: [UInt8], _ check: [UInt8]) throws -> RootRetirement {
            try new.take(predecessor: record, check: check, identifierKey: succession.identifierKey)
        }
        #expect(try end(succession.predecessor, succession.check) == Self.refusal)
        for index in succession.predecessor.indices {
            #expect(throws: CryptoFailure.damagedRecord) {
                try end(succession.predecessor.flipped(at: index), succession.check)
            }
        }
        // Kept longer: neither after another one was made, nor once none is named.
        let later = try new.makePredecessor(Self.end)
        #expect(try end(later.record, later.check) == Self.end)
        #expect(new.matches(check: later.check))
        for check in [later.check, new.makeCheck(), succession.check.flipped(at: 63), []] {
            #expect(throws: CryptoFailure.damagedRecord) { try end(succession.predecessor, check) }
        }
        #expect(new.opens(predecessor: later.record, check: later.check))
        #expect(!new.opens(predecessor: succession.predecessor, check: later.check))
        #expect(throws: CryptoFailure.unavailable) { try keyring.makePredecessor(Self.end) }
    }

    @Test func `sessions go on until their tokens are no longer taken`() throws {
        let made = try keyring.makeSessionToken(sealing: Self.content, accessKeyID: Self.accessKeyID)
        func signature() -> [UInt8]? {
            guard let opened = keyring.openSessionToken(made.token) else { return nil }
            return keyring.signingKey(
                ofSessionWith: Self.accessKeyID, seed: opened.seed, date: "20260102", region: "eu-central-1",
                service: "kms")?.signature(of: Sample.plaintext)
        }
        let before = try #require(signature())
        let seed = try #require(keyring.openSessionToken(made.token)?.seed)
        try keyring.succeed(by: keyring.makeSuccession(Self.end))
        #expect(signature() == before)
        #expect(keyring.takes(seed))
        try refuseTokens()
        #expect(signature() == nil)
        #expect(!keyring.takes(seed))
        #expect(
            keyring.signingKey(
                ofSessionWith: Self.accessKeyID, seed: seed, date: "20260102", region: "eu-central-1", service: "kms")
                == nil)
        // Records still open: only tokens are refused.
        #expect(try keyring.renewed(material) != nil)
        let later = try keyring.makeSessionToken(sealing: Self.content, accessKeyID: Self.accessKeyID)
        #expect(keyring.openSessionToken(later.token)?.content == Self.content)
    }

    @Test func `a grant token is known until tokens of its root key are refused`() throws {
        let grant = try keyring.makeGrantID()
        let token = try keyring.makeGrantToken(for: grant, on: material.key)
        try keyring.succeed(by: keyring.makeSuccession(Self.end))
        #expect(keyring.grant(ofToken: token, in: material.key.region)?.id == grant)
        try refuseTokens()
        #expect(keyring.grant(ofToken: token, in: material.key.region) == nil)
    }

    @Test func `a wrapped root key has the format that the documentation gives`() throws {
        let succession = try keyring.makeSuccession(Self.end)
        func field(_ bytes: [UInt8]) -> [UInt8] {
            withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes
        }
        let binding = field(Array("chatelaine root key".utf8)) + field([1]) + field(Array("successor".utf8))
        let old = [UInt8](repeating: 7, count: 32)
        let key = Primitives.domainKey(old, purpose: "root key", name: "")
        #expect(succession.successor.first == 1)
        let new = try Primitives.open(Array(succession.successor.dropFirst()), key: key, additionalData: binding)
        let check = Primitives.domainKey(new, purpose: "check", name: "")
        let predecessor = try Primitives.open(
            Array(succession.predecessor.dropFirst()), key: Primitives.domainKey(new, purpose: "root key", name: ""),
            additionalData: field(Array("chatelaine root key".utf8)) + field([1]) + field(Array("predecessor".utf8)))
        #expect(Array(predecessor.prefix(41)) == old + [0, 0, 1, 139, 207, 229, 104, 250] + [1])
        let mark = Primitives.domainKey(new, purpose: "predecessor", name: Hex.encode(Array(predecessor.dropFirst(41))))
        #expect(predecessor.count == 57 && succession.check == check + mark)
        let identifiers = try Primitives.open(
            Array(succession.identifierKey.dropFirst()), key: Primitives.domainKey(new, purpose: "root key", name: ""),
            additionalData: field(Array("chatelaine root key".utf8)) + field([1])
                + field(Array("material identifiers".utf8)))
        #expect(identifiers == Primitives.domainKey(old, purpose: "material identifier", name: ""))
    }

    // MARK: The file

    @Test func `a file seal takes another root key in the place of the one it has`() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("crypto-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        try seal.create()
        let succession = try keyring.makeSuccession(Self.end)
        try keyring.succeed(by: succession)
        try await keyring.withRootKey { try seal.seal($0) }
        #expect(try Keyring(rootKey: seal.open(), capacity: 1).matches(check: succession.check))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["root.key"])
        let mode = try FileManager.default.attributesOfItem(atPath: directory.appendingPathComponent("root.key").path)
        #expect(mode[.posixPermissions] as? Int == 0o600)
        try FileManager.default.removeItem(at: directory)
        await #expect(throws: SealFailure.self) { try await keyring.withRootKey { try seal.seal($0) } }
    }
}
