import Glibc
import KMSCrypto
import KMSModel
import Testing

/// What happens to key material while it is open, and when it is let go of.
struct OpenMaterialTests {
    private static func records(_ count: Int) throws -> [MaterialRecord] {
        let keyring = try Sample.keyring(seed: 3)
        return try (0..<count).map { number in
            let digits = String(number + 1_000_000)
            return try keyring.makeRecord(for: Sample.key("1234abcd-12ab-34cd-56ef-12345\(digits)"))
        }
    }

    @Test func `material is opened for its first use and kept`() throws {
        let records = try Self.records(2)
        let keyring = try Sample.keyring()
        #expect(keyring.occupancy == MaterialOccupancy(kept: 0, slotsInUse: 0, slotsWithContents: 0))
        _ = try keyring.encrypt(Sample.plaintext, with: records[0])
        #expect(keyring.occupancy == MaterialOccupancy(kept: 1, slotsInUse: 1, slotsWithContents: 1))
        _ = try keyring.encrypt(Sample.plaintext, with: records[0])
        #expect(keyring.occupancy == MaterialOccupancy(kept: 1, slotsInUse: 1, slotsWithContents: 1))
        _ = try keyring.encrypt(Sample.plaintext, with: records[1])
        #expect(keyring.occupancy == MaterialOccupancy(kept: 2, slotsInUse: 2, slotsWithContents: 2))
    }

    @Test func `making material opens none`() throws {
        let keyring = try Sample.keyring()
        _ = try keyring.makeRecord(for: Sample.key())
        #expect(keyring.occupancy == MaterialOccupancy(kept: 0, slotsInUse: 0, slotsWithContents: 0))
    }

    @Test func `a refused record leaves nothing behind`() throws {
        let record = try Self.records(1)[0]
        let keyring = try Sample.keyring()
        for index in record.stored.indices {
            let edited = record.edited(wrapped: record.stored.flipped(at: index))
            #expect(throws: CryptoFailure.self) { try keyring.encrypt(Sample.plaintext, with: edited) }
        }
        #expect(keyring.occupancy == MaterialOccupancy(kept: 0, slotsInUse: 0, slotsWithContents: 0))
    }

    @Test(arguments: [0, 1, 2, 3, 7])
    func `a ring smaller than the number of materials answers correctly and holds no more`(capacity: Int) throws {
        let records = try Self.records(8)
        let keyring = try Sample.keyring(capacity: capacity)
        let ciphertexts = try records.map { try keyring.encrypt($0.id.bytes, with: $0) }
        let held = max(1, capacity)
        // Forwards, backwards, by leaps, and one that is used again and again.
        let orders = [Array(0..<8), (0..<8).reversed(), (0..<24).map { $0 * 3 % 8 }, (0..<24).map { $0 % 2 * $0 % 8 }]
        for index in orders.joined() {
            #expect(try keyring.decryptedBytes(ciphertexts[index], with: records[index]) == records[index].id.bytes)
            #expect(keyring.occupancy == MaterialOccupancy(kept: held, slotsInUse: held, slotsWithContents: held))
        }
    }

    @Test(arguments: [2, 3, 7])
    func `material that is used again and again stays while others pass through`(capacity: Int) throws {
        let records = try Self.records(30)
        let keyring = try Sample.keyring(capacity: capacity)
        _ = try keyring.encrypt(Sample.plaintext, with: records[0])
        // Broken, so that it shows when it has to be opened again.
        let broken = records[0].edited(wrapped: [])
        for other in records.dropFirst() {
            #expect(throws: Never.self) { try keyring.encrypt(Sample.plaintext, with: broken) }
            _ = try keyring.encrypt(Sample.plaintext, with: other)
        }
        for other in records.dropFirst() { _ = try keyring.encrypt(Sample.plaintext, with: other) }
        #expect(throws: CryptoFailure.damagedRecord) { try keyring.encrypt(Sample.plaintext, with: broken) }
    }

    @Test func `forgetting a key zeroes all its generations and no other key's`() throws {
        let keyring = try Sample.keyring()
        let others = try Self.records(3)
        let generations = try (0..<4).map { _ in try keyring.makeRecord(for: Sample.key()) }
        for record in others + generations { _ = try keyring.encrypt(Sample.plaintext, with: record) }
        #expect(keyring.occupancy == MaterialOccupancy(kept: 7, slotsInUse: 7, slotsWithContents: 7))
        keyring.forget(try Sample.key())
        #expect(keyring.occupancy == MaterialOccupancy(kept: 3, slotsInUse: 3, slotsWithContents: 3))
        keyring.forget(try Sample.key())
        #expect(keyring.occupancy == MaterialOccupancy(kept: 3, slotsInUse: 3, slotsWithContents: 3))
        for record in others { keyring.forget(record.key) }
        #expect(keyring.occupancy == MaterialOccupancy(kept: 0, slotsInUse: 0, slotsWithContents: 0))
    }

    @Test func `a key of the same name in another region or account is not forgotten with it`() throws {
        let keyring = try Sample.keyring()
        for key in [try Sample.key(), try Sample.key(region: "us-east-1"), try Sample.key(account: "444455556666")] {
            _ = try keyring.encrypt(Sample.plaintext, with: keyring.makeRecord(for: key))
        }
        keyring.forget(try Sample.key())
        #expect(keyring.occupancy.kept == 2)
    }

    @Test func `what was forgotten is opened again from its record`() throws {
        let record = try Self.records(1)[0]
        let keyring = try Sample.keyring()
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: record)
        keyring.forget(record.key)
        #expect(try keyring.decryptedBytes(ciphertext, with: record) == Sample.plaintext)
        let edited = record.edited(wrapped: record.stored.flipped(at: 60))
        keyring.forget(record.key)
        #expect(throws: CryptoFailure.damagedRecord) { try keyring.decrypt(ciphertext, with: edited, context: .empty) }
    }

    @Test func `room that was made by forgetting is used again`() throws {
        let records = try Self.records(6)
        let keyring = try Sample.keyring(capacity: 3)
        for round in 0..<12 {
            let record = records[round % 6]
            _ = try keyring.encrypt(Sample.plaintext, with: record)
            if round.isMultiple(of: 2) { keyring.forget(record.key) }
        }
        for record in records { _ = try keyring.encrypt(Sample.plaintext, with: record) }
        #expect(keyring.occupancy == MaterialOccupancy(kept: 3, slotsInUse: 3, slotsWithContents: 3))
    }

    @Test(.timeLimit(.minutes(1))) func `many tasks use more materials than there is room for`() async throws {
        let records = try Self.records(12)
        let keyring = try Sample.keyring(capacity: 3)
        let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var wrong = 0
                    for round in 0..<150 {
                        let record = records[(task * 5 + round * 7) % records.count]
                        let text = Array("\(task) \(round)".utf8)
                        let ciphertext = try keyring.encrypt(text, with: record, context: Sample.context)
                        if round.isMultiple(of: 10) { keyring.forget(record.key) }
                        if try keyring.decryptedBytes(ciphertext, with: record, context: Sample.context) != text {
                            wrong += 1
                        }
                        if round.isMultiple(of: 25) { await Task.yield() }
                    }
                    return wrong
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(wrong == 0)
        let occupancy = keyring.occupancy
        #expect(occupancy.kept <= 3)
        #expect(occupancy.slotsInUse == occupancy.kept && occupancy.slotsWithContents == occupancy.kept)
        for record in records { keyring.forget(record.key) }
        #expect(keyring.occupancy == MaterialOccupancy(kept: 0, slotsInUse: 0, slotsWithContents: 0))
    }

    @Test func `more guarded memory than there can be is refused`() throws {
        #expect(throws: CryptoFailure.unavailable) { try Sample.keyring(capacity: 1 << 50) }
    }

    @Test(.enabled(if: mayLockMemory, "skipped: this system does not let the test lock memory"))
    func `memory is locked where the system allows as much`() throws {
        #expect(try Sample.keyring(capacity: 1).isMemoryLocked)
    }

    /// Whether the limit is far above what all the tests that run at a time use.
    private static var mayLockMemory: Bool {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0 && limit.rlim_cur >= 4 << 20
    }
}
