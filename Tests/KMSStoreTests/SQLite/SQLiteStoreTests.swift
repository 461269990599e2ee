import Foundation
import GRDB
import KMSModel
import KMSStore
import KMSStoreSQLite
import Synchronization
import Testing

/// What the embedded engine promises beyond the contract: of its files, and of what it refuses to open.
@Suite struct SQLiteStoreTests {
    private let samples: Samples
    private let directory: ScratchDirectory

    init() throws {
        samples = try Samples()
        directory = try ScratchDirectory()
    }

    private func open(patience: Duration = .milliseconds(50)) async throws(StoreError) -> SQLiteStore {
        try await SQLiteStore.open(in: directory.path, patience: patience)
    }

    private func refusal(of call: () async throws(StoreError) -> SQLiteStore) async -> StoreError? {
        do throws(StoreError) { _ = try await call() } catch { return error }
        return nil
    }

    // MARK: Files

    @Test func `only the owner may read any of the files, whatever the creation mask`() async throws {
        let former = umask(0)
        defer { umask(former) }
        let store = try await open()
        try await store.commit(Change([.insertKey(try samples.key(1))]))
        #expect(try directory.files == ["chatelaine.sqlite", "chatelaine.sqlite-wal"])
        for file in try directory.files { #expect(try mode(of: file) == 0o600, "\(file)") }
        try await store.close()
    }

    @Test func `files that others may read are taken from them at the next start`() async throws {
        let store = try await open()
        try await store.commit(Change([.insertKey(try samples.key(1))]))
        let copy = try directory.crashImage()
        try await store.close()
        for file in try copy.files { chmod("\(copy.path)/\(file)", 0o644) }
        let reopened = try await SQLiteStore.open(in: copy.path)
        for file in try copy.files {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(copy.path)/\(file)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
        try await reopened.close()
    }

    @Test func `a closed store is one file`() async throws {
        let store = try await open()
        try await store.commit(Change([.insertKey(try samples.key(1))]))
        try await store.close()
        #expect(try directory.files == ["chatelaine.sqlite"])
    }

    // MARK: Reading

    @Test func `every key is shown piece by piece, what it is made of before it`() async throws {
        let store = try await open()
        let many = try (3..<5010).map { try samples.key($0) }
        try await store.commit(
            Change(
                many.map(Mutation.insertKey) + [
                    .insertKey(try samples.fullKey(2)), .insertMaterial(try samples.fullMaterial(1, of: 2)),
                    .insertMaterial(try samples.material(2, of: 5009)), .insertMaterial(try samples.material(3, of: 2)),
                    .setUsage(try samples.usage(of: 2)), .insertAlias(try samples.alias("b", to: 2)),
                    .insertGrant(try samples.fullGrant(2, on: 2)),
                ]))
        let pieces = Mutex<[StoreContents]>([])
        try await store.everyKey { piece in pieces.withLock { $0.append(piece) } }
        var shown = StoreContents()
        for piece in pieces.withLock(\.self) {
            #expect(shown.keys.isEmpty || (piece.materials.isEmpty && piece.usages.isEmpty))
            #expect(piece.keys.count <= 5000)
            shown.keys += piece.keys
            shown.materials += piece.materials
            shown.usages += piece.usages
            shown.aliases += piece.aliases
            shown.grants += piece.grants
        }
        #expect(Snapshot(shown) == Snapshot(try await store.contents()))
        try await store.close()
    }

    private func mode(of file: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(file)")[.posixPermissions] as? Int
    }

    // MARK: One server

    @Test func `a second store on the same directory is refused, and the first goes on`() async throws {
        let first = try await open()
        guard case .unavailable(let text) = await refusal(of: { () throws(StoreError) in try await open() }) else {
            Issue.record("was not refused")
            return
        }
        #expect(text == "the store in \(directory.path) is in use by another process")
        try await first.commit(Change([.insertKey(try samples.key(1))]))
        try await first.close()
        let second = try await open()
        #expect(try await second.contents().keys.count == 1)
        try await second.close()
    }

    @Test func `a second store waits for one that is about to close`() async throws {
        let first = try await open()
        async let second = open(patience: .seconds(20))
        try await Task.sleep(for: .milliseconds(100))
        try await first.close()
        try await second.close()
    }

    static let sqliteShell = ["/usr/bin/sqlite3", "/usr/local/bin/sqlite3"].first(
        where: FileManager.default.isExecutableFile)

    @Test(.enabled("the sqlite3 command is not installed") { sqliteShell != nil })
    func `another process cannot even read while the store is open`() async throws {
        let store = try await open()
        try await store.commit(Change([.insertKey(try samples.key(1))]))
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.sqliteShell))
        process.arguments = [directory.database, "SELECT count(*) FROM kms_key"]
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = Pipe()
        try process.run()
        let text = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus != 0)
        #expect(text.contains("locked"))
        try await store.close()
    }

    // MARK: Files that are something else

    @Test func `a file that is no database is refused and left alone`() async throws {
        let bytes = Data("This is a letter, not a database. ".utf8) + Data(repeating: 0x20, count: 4096)
        try bytes.write(to: URL(filePath: directory.database))
        await expectRefusal(.wrongFormat) { () throws(StoreError) in _ = try await open() }
        #expect(try Data(contentsOf: URL(filePath: directory.database)) == bytes)
    }

    @Test func `a database of another program is refused and left alone`() async throws {
        try edit { try $0.execute(sql: "CREATE TABLE song (title TEXT); INSERT INTO song VALUES ('a')") }
        let bytes = try Data(contentsOf: URL(filePath: directory.database))
        await expectRefusal(.wrongFormat) { () throws(StoreError) in _ = try await open() }
        #expect(try Data(contentsOf: URL(filePath: directory.database)) == bytes)
    }

    @Test func `a database marked by another program is refused, even an empty one`() async throws {
        try edit { try $0.execute(sql: "PRAGMA application_id = 252006673") }
        await expectRefusal(.wrongFormat) { () throws(StoreError) in _ = try await open() }
    }

    @Test func `a store of a newer version is refused and keeps its contents`() async throws {
        let store = try await open()
        try await store.commit(Change([.insertKey(try samples.key(1))]))
        try await store.close()
        try edit { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999: from the future')") }
        guard case .wrongFormat(let text) = await refusal(of: { () throws(StoreError) in try await open() }) else {
            Issue.record("was not refused")
            return
        }
        #expect(text == "the store was written by a newer version of this program")
        try edit { try $0.execute(sql: "DELETE FROM grdb_migrations WHERE identifier LIKE '999%'") }
        let reopened = try await open()
        #expect(try await reopened.contents().keys == [try samples.key(1)])
        try await reopened.close()
    }

    @Test func `a directory in the place of the file is refused`() async throws {
        try FileManager.default.createDirectory(atPath: directory.database, withIntermediateDirectories: false)
        await expectRefusal(.wrongFormat) { () throws(StoreError) in _ = try await open() }
    }

    @Test func `a data directory that does not exist is refused`() async throws {
        let missing = directory.path + "/missing"
        await expectRefusal(.unavailable) { () throws(StoreError) in _ = try await SQLiteStore.open(in: missing) }
    }

    @Test func `an empty file becomes a store`() async throws {
        try Data().write(to: URL(filePath: directory.database))
        let store = try await open()
        try await store.check()
        try await store.close()
    }

    @Test func `a store whose making was interrupted is made anew`() async throws {
        try edit { try $0.execute(sql: "PRAGMA application_id = \(0x4368_6174)") }
        let store = try await open()
        try await store.commit(Change([.insertKey(try samples.key(1))]))
        try await store.close()
    }

    // MARK: Settings of the engine

    /// What an interested party can see of the settings from outside: those that the file remembers, and the format.
    @Test func `the file says whose it is, and every table is strict`() async throws {
        let store = try await open()
        try await store.close()
        try edit { database in
            #expect(try Int.fetchOne(database, sql: "PRAGMA application_id") == 0x4368_6174)
            #expect(try String.fetchOne(database, sql: "PRAGMA journal_mode") == "wal")
            let loose = try String.fetchAll(
                database,
                sql: """
                    SELECT name FROM pragma_table_list
                    WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'grdb%'
                    """
            )
            #expect(loose.isEmpty)
            #expect(try String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations").count == 9)
        }
    }

    /// Changes the file behind the store's back.
    private func edit(_ body: (Database) throws -> Void) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: directory.database, configuration: configuration)
        try queue.writeWithoutTransaction(body)
        try queue.close()
    }
}
