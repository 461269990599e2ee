import Foundation
import KMSModel
import KMSStoreSQL

/// Takes down the rows that the store would insert, and says them as a script of COPY for psql.
///
/// The rows are made by the store's own statements, so they are what the server itself would have written; only the way into
/// the database is a faster one.
final class CopyScript: SQLConnection {
    private struct Target {
        let table: Int
        let row: String
    }

    private struct Table {
        /// Name and columns, as COPY wants them.
        let name: String
        var rows: [UInt8] = []
    }

    /// In the order in which rows for them came first: that of what refers to what.
    private var tables: [Table] = []
    private var places: [String: Int] = [:]

    var node: String? { nil }

    /// Writes what came since the last time.
    func flush(to output: FileHandle) throws {
        for index in tables.indices where !tables[index].rows.isEmpty {
            var text = Array("COPY \(tables[index].name) FROM STDIN;\n".utf8)
            text += tables[index].rows
            text += Array("\\.\n".utf8)
            try output.write(contentsOf: Data(text))
            tables[index].rows.removeAll(keepingCapacity: true)
        }
    }

    func run(_ sql: String, _ values: [SQLValue]) throws -> Int {
        let place = try places[sql] ?? makeTable(for: sql)
        for (index, value) in values.enumerated() {
            if index > 0 { tables[place].rows.append(UInt8(ascii: "\t")) }
            Self.append(value, to: &tables[place].rows)
        }
        tables[place].rows.append(UInt8(ascii: "\n"))
        return 1
    }

    private func makeTable(for sql: String) throws -> Int {
        // INSERT INTO name (column, ...) VALUES (?, ...)
        guard let match = sql.firstMatch(of: /^INSERT INTO (\w+) \(([\w\s,]+)\)\s+VALUES \([?,\s]+\)$/) else {
            throw ValidationFailure.statement(sql)
        }
        tables.append(Table(name: "\(match.1) (\(match.2.filter { !$0.isWhitespace }))"))
        places[sql] = tables.count - 1
        return tables.count - 1
    }

    private static func append(_ value: SQLValue, to text: inout [UInt8]) {
        switch value {
        case .null: text += [UInt8(ascii: "\\"), UInt8(ascii: "N")]
        case .integer(let number): text += Array(String(number).utf8)
        case .text(let string):
            for byte in string.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): text += [byte, byte]
                case UInt8(ascii: "\t"): text += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
                case UInt8(ascii: "\n"): text += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
                case UInt8(ascii: "\r"): text += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
                default: text.append(byte)
                }
            }
        case .bytes(let bytes):
            text += [UInt8(ascii: "\\"), UInt8(ascii: "\\"), UInt8(ascii: "x")]
            for byte in bytes { text += [digit(byte >> 4), digit(byte & 15)] }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

    // MARK: What no row of a new key needs

    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) throws {
        throw ValidationFailure.statement(sql)
    }

    /// Wrapped secrets stand in the rows that they belong to.
    func keep(_ wrapped: [UInt8]) -> SQLValue { .bytes(wrapped) }

    func destroySecrets(of table: String, where condition: String, _ values: [SQLValue]) throws {
        throw ValidationFailure.statement(condition)
    }

    func secrets(of table: String) -> (join: String, column: String) { ("", "secret") }
}
