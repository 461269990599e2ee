import Foundation
import GRDB
import GRDBSQLite
import KMSStore
import KMSStoreSQL

/// A connection to a file of SQLite, within a transaction.
struct SQLiteConnection: SQLConnection {
    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    @discardableResult
    func run(_ sql: String, _ values: [SQLValue]) throws -> Int {
        try database.cachedStatement(sql: sql).execute(arguments: StatementArguments(of: values))
        return database.changesCount
    }

    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) throws {
        let arguments = StatementArguments(of: values)
        let statement = try database.makeStatement(sql: sql)
        let row = FoundRow(statement.sqliteStatement)
        try Row.fetchCursor(statement, arguments: arguments).forEach { _ in try body(row) }
    }

    // MARK: Secrets

    func keep(_ wrapped: [UInt8]) throws -> SQLValue {
        .integer(try SecretSlots(database).keep(wrapped))
    }

    func destroySecrets(of table: String, where condition: String, _ values: [SQLValue]) throws {
        try SecretSlots(database).destroy(
            "SELECT secret FROM \(table) WHERE \(condition)", StatementArguments(of: values))
    }

    /// A join keeps rows that match nothing: a record that lost its secret is damage, not something to pass over.
    func secrets(of table: String) -> (join: String, column: String) {
        ("LEFT JOIN secret ON slot = \(table).secret", "wrapped")
    }

    /// A file has the audit lines of one process.
    var node: String? { nil }
}

/// The row that a statement stands at, read from SQLite itself: a start reads millions of columns, which take half as long
/// as through GRDB.
///
/// GRDB's typed access would end the process besides when a value is not of the expected type.
private struct FoundRow: SQLRow {
    private let statement: SQLiteStatement

    init(_ statement: SQLiteStatement) {
        self.statement = statement
    }

    var columnNames: [String] {
        (0..<sqlite3_column_count(statement)).map { column in
            sqlite3_column_name(statement, column).map { String(cString: $0) } ?? "?"
        }
    }

    subscript(index: Int) -> SQLValue {
        // Of the thread that has the statement, which is what SQLite calls an unprotected value: found once, and not thrice.
        let value = sqlite3_column_value(statement, Int32(index))
        switch sqlite3_value_type(value) {
        case SQLITE_INTEGER: return .integer(sqlite3_value_int64(value))
        case SQLITE_TEXT: return .text(String(decoding: bytes(value), as: UTF8.self))
        case SQLITE_BLOB: return .bytes(Array(bytes(value)))
        // Tables are strict and have no numbers with a fraction.
        default: return .null
        }
    }

    /// What a value has in it, as it is, until the statement goes on.
    private func bytes(_ value: OpaquePointer?) -> UnsafeRawBufferPointer {
        let start = sqlite3_value_blob(value)
        let count = Int(sqlite3_value_bytes(value))
        return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
    }
}

extension StatementArguments {
    /// Values for the places of a statement, in their order.
    ///
    /// Made as values that may be missing: others GRDB reads by a key path, which takes longer.
    fileprivate init(of values: [SQLValue]) {
        self.init(values.map { value -> (any DatabaseValueConvertible)? in value.databaseValue })
    }
}

extension SQLValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let integer): integer.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): Data(bytes).databaseValue
        }
    }
}
