import Foundation
import GRDB
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
        try database.cachedStatement(sql: sql).execute(arguments: StatementArguments(values.map(\.databaseValue)))
        return database.changesCount
    }

    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) throws {
        let arguments = StatementArguments(values.map(\.databaseValue))
        let rows = try Row.fetchCursor(database, sql: sql, arguments: arguments)
        while let row = try rows.next() { try body(FoundRow(row)) }
    }

    // MARK: Secrets

    func keep(_ wrapped: [UInt8]) throws -> SQLValue {
        .integer(try SecretSlots(database).keep(wrapped))
    }

    func destroySecrets(of table: String, where condition: String, _ values: [SQLValue]) throws {
        try SecretSlots(database).destroy(
            "SELECT secret FROM \(table) WHERE \(condition)", StatementArguments(values.map(\.databaseValue)))
    }

    /// A join keeps rows that match nothing: a record that lost its secret is damage, not something to pass over.
    func secrets(of table: String) -> (join: String, column: String) {
        ("LEFT JOIN secret ON slot = \(table).secret", "wrapped")
    }

    /// A file has the audit lines of one process.
    var node: String? { nil }
}

/// GRDB's own typed access ends the process when a value is not of the expected type; its storage does not.
private struct FoundRow: SQLRow {
    private let row: Row

    init(_ row: Row) {
        self.row = row
    }

    var columnNames: [String] { Array(row.columnNames) }

    subscript(index: Int) -> SQLValue {
        switch (row[index] as DatabaseValue).storage {
        case .null: .null
        case .int64(let integer): .integer(integer)
        case .string(let text): .text(text)
        case .blob(let data): .bytes(Array(data))
        // Tables are strict and have no such columns.
        case .double: .null
        }
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
