import ArgumentParser
import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite

/// How many keys a second the store alone takes durably: what CreateKey cannot be faster than.
///
/// Its rows are those of CreateKey, and whoever comes while a commit is under way is grouped as the server's callers are, because
/// the same store does it.
struct CommitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commits", abstract: "Say as JSON how many keys a second the store alone takes durably.")

    @Option(help: "How many write at a time.")
    var clients = 16

    @Option(help: "For how long.")
    var seconds = 2.0

    @Option(help: "How many keys are there before.")
    var keys = 10_000

    /// How many of these one transaction writes.
    private static let batch = 5000

    func run() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("commits-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let maker = try KeyMaker()
        let (clients, seconds, keys) = (clients, seconds, keys)
        let rate = try waiting {
            let store = try await SQLiteStore.open(in: directory.path)
            // The write-ahead log has its length then: a file that grows takes longer to sync.
            for _ in 0..<(keys / Self.batch) {
                let changes = try (0..<Self.batch).map { _ in try maker.change(forgetting: nil).0 }
                try await store.commit(Change(changes.flatMap(\.mutations)))
            }
            let begin = ContinuousClock.now
            let count = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<clients {
                    group.addTask { @concurrent in
                        try await Self.write(maker, to: store, until: begin + .seconds(seconds))
                    }
                }
                return try await group.reduce(0, +)
            }
            let elapsed = ContinuousClock.now - begin
            try await store.close()
            return Double(count) / (elapsed / .seconds(1))
        }
        try HotPath.say(["keysPerSecond": rate])
    }

    /// - Returns: How many keys were written.
    private static func write(
        _ maker: KeyMaker, to store: SQLiteStore, until end: ContinuousClock.Instant
    ) async throws -> Int {
        var count = 0
        var kept: String?
        while ContinuousClock.now < end {
            let (change, lines) = try maker.change(forgetting: kept)
            try await store.commit(change)
            kept = lines
            count += 1
        }
        return count
    }
}

/// Makes what CreateKey writes.
private struct KeyMaker: Sendable {
    /// As long as the record of a CreateKey.
    private static let line = [UInt8](repeating: UInt8(ascii: "a"), count: 1600)

    private let keyring: Keyring
    private let realm: Realm

    init() throws {
        guard let account = AccountID(BenchmarkPolicy.account), let region = Region(World.region) else {
            throw World.Failure.refused("no account")
        }
        keyring = try Keyring(rootKey: RootKey.random())
        realm = Realm(account: account, region: region)
    }

    /// A change that makes a key, keeps its record, and forgets that of the one before; and by what name its own is kept.
    func change(forgetting last: String?) throws -> (Change, String) {
        let now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded())
        guard let id = KeyID(UUID().uuidString.lowercased()) else { throw World.Failure.notAnswered }
        let arn = KeyARN(realm: realm, keyID: id)
        let material = try MaterialRecord(generatedBy: keyring, for: arn, spec: .symmetricDefault, at: now)
        let key = KeyRecord(
            arn: arn, spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS, creationDate: now,
            state: .enabled, description: "", policy: StandardKeyPolicy.default(for: realm.account, in: .aws),
            currentMaterial: material.id)
        let record = RequestID.make()
        let lines = KeptAuditLines(eventID: record, lines: Self.line)
        let rows: [Mutation] = [.insertKey(key), .insertMaterial(material), .keepAuditLines(lines)]
        return (Change(rows + (last.map { [.forgetAuditLines($0)] } ?? [])), record)
    }
}
