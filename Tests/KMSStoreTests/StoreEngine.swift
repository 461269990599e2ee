import Foundation
import KMSModel
import KMSStore
import KMSStorePostgreSQL
import KMSStoreSQLite
import Testing

/// An engine that the contract is run against.
struct StoreEngine: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Opens the store that belongs to a directory, which is empty before the first time.
    let open: @Sendable (ScratchDirectory) async throws -> any Store

    static let sqlite = StoreEngine(testDescription: "SQLite") { try await SQLiteStore.open(in: $0.path) }

    /// On a machine that all tests share a server can be silent for longer than usual.
    static let postgreSQL = StoreEngine(testDescription: "PostgreSQL") { directory in
        let location = try PostgreSQLServer.shared.get().location(of: directory)
        return try await PostgreSQLStore.open(location + "&connect_timeout=60", node: "one", patience: .seconds(60))
    }

    /// A test of ``SharedStoreTests`` says so when there is no PostgreSQL.
    static let available = [sqlite] + (PostgreSQLServer.isInstalled ? [postgreSQL] : [])

    /// Runs `body` with a store of its own.
    func withStore(_ body: (any Store) async throws -> Void) async throws {
        let directory = try ScratchDirectory()
        let store = try await open(directory)
        try await body(store)
        try await store.check()
        try await store.close()
    }
}

/// A directory that is gone when nothing refers to it any more.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The database file of an SQLite store in this directory.
    var database: String { path + "/chatelaine.sqlite" }

    /// The names of the files in the directory.
    var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    /// Copies the files of an open store, as a crash at this moment would leave them.
    func crashImage() throws -> ScratchDirectory {
        let copy = try ScratchDirectory()
        for file in try files {
            try FileManager.default.copyItem(atPath: "\(path)/\(file)", toPath: "\(copy.path)/\(file)")
        }
        return copy
    }

    /// Whether `bytes` stand anywhere in any file of the directory.
    func contains(_ bytes: [UInt8]) throws -> Bool {
        try files.contains { file in
            try Data(contentsOf: URL(filePath: "\(path)/\(file)")).range(of: Data(bytes)) != nil
        }
    }
}

/// Expects a refusal with one of these cases of ``StoreError``.
func expectRefusal(
    _ expected: Refusal..., location: SourceLocation = #_sourceLocation, of call: () async throws(StoreError) -> Void
) async {
    do throws(StoreError) {
        try await call()
        Issue.record("was not refused", sourceLocation: location)
    } catch {
        #expect(expected.contains(Refusal(error)), "\(error)", sourceLocation: location)
    }
}

/// The cases of ``StoreError`` without their texts.
enum Refusal: Equatable {
    case conflict, undone, unavailable, corrupt, wrongFormat

    init(_ error: StoreError) {
        switch error {
        case .conflict: self = .conflict
        case .undone: self = .undone
        case .unavailable: self = .unavailable
        case .corrupt: self = .corrupt
        case .wrongFormat: self = .wrongFormat
        }
    }
}
