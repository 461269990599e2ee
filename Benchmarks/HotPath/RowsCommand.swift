import ArgumentParser
import Foundation
import GRDBSQLite

/// What SQLite alone takes to read everything in a store: no start of a server can be faster.
struct RowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rows",
        abstract: "Say as JSON how many seconds SQLite takes to read every value in a data directory.")

    @Option(help: "The data directory; no server may have it.")
    var dataDir: String

    /// What SQLite refuses to do, by its code.
    private struct Refusal: Error {
        let code: Int32
    }

    private struct Figures: Encodable {
        let rows: Int
        let seconds: Double
    }

    func run() throws {
        var rows = 0
        let time = try ContinuousClock().measure { rows = try readAll() }
        try HotPath.say(Figures(rows: rows, seconds: time / .seconds(1)))
    }

    private func readAll() throws -> Int {
        var database: OpaquePointer?
        defer { sqlite3_close(database) }
        try Self.check(sqlite3_open_v2("\(dataDir)/chatelaine.sqlite", &database, SQLITE_OPEN_READONLY, nil))
        var tables: [String] = []
        _ = try Self.read("SELECT name FROM sqlite_schema WHERE type = 'table'", in: database) { row in
            if let name = sqlite3_column_text(row, 0) { tables.append(String(cString: name)) }
        }
        return try tables.reduce(0) { count, table in
            try count + Self.read("SELECT * FROM \"\(table)\"", in: database, Self.touch)
        }
    }

    /// Steps through a query, and answers how many rows it has.
    private static func read(
        _ sql: String, in database: OpaquePointer?, _ body: (OpaquePointer?) -> Void
    ) throws -> Int {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        try check(sqlite3_prepare_v2(database, sql, -1, &statement, nil))
        var count = 0
        while sqlite3_step(statement) == SQLITE_ROW {
            body(statement)
            count += 1
        }
        return count
    }

    /// Takes each value of a row as what it is.
    private static func touch(_ row: OpaquePointer?) {
        for column in 0..<sqlite3_column_count(row) {
            switch sqlite3_column_type(row, column) {
            case SQLITE_INTEGER: _ = sqlite3_column_int64(row, column)
            case SQLITE_TEXT: _ = sqlite3_column_text(row, column)
            case SQLITE_BLOB: _ = sqlite3_column_blob(row, column)
            default: break
            }
        }
    }

    private static func check(_ code: Int32) throws {
        guard code == SQLITE_OK else { throw Refusal(code: code) }
    }
}
