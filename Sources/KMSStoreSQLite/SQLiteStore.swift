import Dispatch
import Foundation
import GRDB
import Glibc
package import KMSModel
package import KMSStore
import KMSStoreSQL
import Synchronization
import TaskResumption

/// The embedded store: one SQLite file that one process has to itself.
///
/// There is one connection, on a queue of its own: memory answers every read after the start, so a pool of readers
/// would have nothing to do, and only a single connection can hold the file exclusively and so keep a second server
/// out.
package final class SQLiteStore: Store {
    private let database: DatabaseQueue
    private let line = CommitLine()
    /// Whether destroyed bytes may still stand in the write-ahead log, because emptying it failed.
    private let owesScrub = Atomic(false)

    fileprivate init(_ database: DatabaseQueue) {
        self.database = database
    }

    /// Opens the store in `directory`, which must exist, and makes it when there is none.
    ///
    /// The file is brought to this program's format, so an older program may refuse it from then on.
    ///
    /// - Parameter patience: How long to wait for another process that has the store open, as one that is shutting
    ///   down.
    /// - Throws: ``StoreError/unavailable(_:)`` when the file is open elsewhere or cannot be written;
    ///   ``StoreError/wrongFormat(_:)`` when it is of a newer version or something else; ``StoreError/corrupt(_:)``.
    package static func open(
        in directory: String, patience: Duration = .seconds(2)
    ) async throws(StoreError) -> SQLiteStore {
        try await find(in: directory, patience: patience).bringUpToDate()
    }

    /// Opens the file as ``open(in:patience:)`` does, but leaves it in the format that it has.
    ///
    /// - Throws: As ``open(in:patience:)``; a store of a newer version is found too.
    package static func find(
        in directory: String, patience: Duration = .seconds(2)
    ) async throws(StoreError) -> FoundStore {
        try await onThread { try FoundStore(in: directory, patience) }
    }

    /// Does `work`, which waits for the disk, on a thread that may wait.
    fileprivate static func onThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: Result.refusing(work)) }
        }
        return try result.get()
    }

    package func contents() async throws(StoreError) -> StoreContents {
        try await read { connection in try connection.readContents() }
    }

    package func everyKey(_ show: @escaping @Sendable (StoreContents) -> Void) async throws(StoreError) {
        try await read { connection in try connection.readKeys(show) }
    }

    package func frame() async throws(StoreError) -> StoreContents {
        try await read { connection in try connection.readFrame() }
    }

    package func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await read { connection in try connection.readKeys(after: last, limit: limit) }
    }

    /// Reads what the store holds at one moment.
    private func read<Value: Sendable>(
        _ work: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws(StoreError) -> Value {
        try await onQueue { database in
            var value: Value?
            try database.inTransaction(.deferred) {
                value = try work(SQLiteConnection(database))
                return .commit
            }
            guard let value else { throw StoreError.unavailable("the transaction did not run") }
            return value
        }
    }

    package func commit(_ change: Change) async throws(StoreError) {
        let result: Result<Void, StoreError> = await withCheckedContinuation { continuation in
            if line.join(CommitLine.Waiter(change: change, answer: continuation)) { commitNext() }
        }
        try result.get()
    }

    /// Commits the changes that wait by the time that the connection is free.
    private func commitNext() {
        database.asyncWriteWithoutTransaction { database in
            let (group, isMore) = self.line.take()
            if isMore { self.commitNext() }
            let results = database.commit(group.map(\.change))
            for case (let waiter, .success) in zip(group, results) where waiter.change.destroysSecrets {
                self.owesScrub.store(true, ordering: .relaxed)
            }
            self.scrub(database)
            Resumption.together {
                for (waiter, result) in zip(group, results) { waiter.answer.resume(returning: result) }
            }
        }
    }

    /// Takes destroyed bytes out of the write-ahead log, where the pages that held them still stand.
    ///
    /// The change is durable by now, so a failure here must not deny it; it is made good after the next change, or at
    /// the next start.
    private func scrub(_ database: Database) {
        guard owesScrub.load(ordering: .relaxed), (try? Connection.emptyLog(database)) != nil else { return }
        owesScrub.store(false, ordering: .relaxed)
    }

    package func copy(to path: String) async throws(StoreError) {
        // SQLite would take a file that is there, if it is empty; its mode would be what somebody else chose.
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unavailable("cannot create \(path): \(String(cString: strerror(errno)))")
        }
        Glibc.close(descriptor)
        try await onQueue { database in try database.execute(sql: "VACUUM INTO ?", arguments: [path]) }
    }

    /// A setting as it is in a copy of a store (``copy(to:)``), which is not changed; nil when there is none of that name.
    ///
    /// - Throws: ``StoreError``.
    package static func setting(_ name: String, inCopyAt path: String) async throws(StoreError) -> [UInt8]? {
        let value: Result<[UInt8]?, StoreError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result.refusing {
                        var configuration = Configuration()
                        configuration.readonly = true
                        return try DatabaseQueue(path: path, configuration: configuration).read { database in
                            try Data.fetchOne(
                                database, sql: "SELECT value FROM setting WHERE name = ?",
                                arguments: [Data(name.utf8)])
                        }.map { Array($0) }
                    })
            }
        }
        return try value.get()
    }

    package func check() async throws(StoreError) {
        try await onQueue { database in
            let findings = try String.fetchAll(database, sql: "PRAGMA integrity_check(20)")
            guard findings == ["ok"] else { throw StoreError.corrupt(findings.joined(separator: "; ")) }
            let orphans = try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").count
            guard orphans == 0 else { throw StoreError.corrupt("\(orphans) records without the key they belong to") }
            let remains = try SecretSlots(database).remainsCount()
            guard remains == 0 else { throw StoreError.corrupt("\(remains) destroyed secrets that are still there") }
            _ = try SQLiteConnection(database).readContents()
        }
    }

    package func close() async throws(StoreError) {
        try await Self.onThread { [database] in try database.close() }
    }

    /// Does `work` on the connection's queue, whatever becomes of the calling task.
    ///
    /// GRDB's own asynchronous calls answer a cancelled task with an error while the commit may have happened.
    private func onQueue<Value: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            database.asyncWriteWithoutTransaction { database in
                continuation.resume(returning: Result.refusing { try work(database) })
            }
        }
        return try result.get()
    }
}

/// A store whose file is open and which is in the format that it was found in.
package struct FoundStore: Sendable {
    private let database: DatabaseQueue
    /// The settings by their names; empty for a store that is new.
    package let settings: [String: [UInt8]]

    fileprivate init(in directory: String, _ patience: Duration) throws {
        let path = "\(directory)/\(StoreFile.name)"
        try StoreFile.prepare(path)
        do {
            database = try DatabaseQueue(path: path, configuration: Connection.configuration(patience: patience))
            settings = try database.read { database in
                try database.tableExists("setting") ? try SQLiteConnection(database).readSettings() : [:]
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            throw StoreError.unavailable("the store in \(directory) is in use by another process")
        }
    }

    /// Brings the file to this program's format, so that an older program may refuse it from then on.
    ///
    /// - Throws: ``StoreError``.
    package func bringUpToDate() async throws(StoreError) -> SQLiteStore {
        try await SQLiteStore.onThread { [database] in
            try Schema.bring(upToDate: database)
            try database.writeWithoutTransaction(Connection.emptyLog)
            return SQLiteStore(database)
        }
    }

    /// Closes the file as it is.
    package func close() async throws(StoreError) {
        try await SQLiteStore.onThread { [database] in try database.close() }
    }
}
