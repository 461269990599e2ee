import Foundation
import KMSModel
import KMSStore

/// Takes one row apart, column by column, and says which record and column is damaged when one is.
struct RowReader {
    private let row: any SQLRow
    /// The table, for the text of errors.
    private let table: String
    /// How many columns in front are the key of the record, which errors name it by.
    private let keyColumnCount: Int
    private var index = 0

    init(_ row: any SQLRow, of table: String, keyColumnCount: Int) {
        self.row = row
        self.table = table
        self.keyColumnCount = keyColumnCount
    }

    /// The next column as something that KMSModel parses from text.
    mutating func parsed<Value>(_ parse: (String) -> Value?) throws(StoreError) -> Value {
        guard case .text(let text) = next(), let value = parse(text) else { throw damage() }
        return value
    }

    /// The next column as something that KMSModel parses from text; nil for a column without a value.
    mutating func optionallyParsed<Value>(_ parse: (String) -> Value?) throws(StoreError) -> Value? {
        switch next() {
        case .null: return nil
        case .text(let text):
            guard let value = parse(text) else { throw damage() }
            return value
        default: throw damage()
        }
    }

    /// The next column as one of the values of an enumeration.
    mutating func value<Value: RawRepresentable<String>>(_ type: Value.Type = Value.self) throws(StoreError) -> Value {
        try parsed(Value.init(rawValue:))
    }

    mutating func bytes() throws(StoreError) -> [UInt8] {
        guard let bytes = try optionalBytes() else { throw damage() }
        return bytes
    }

    mutating func optionalBytes() throws(StoreError) -> [UInt8]? {
        switch next() {
        case .null: nil
        case .bytes(let bytes): bytes
        default: throw damage()
        }
    }

    mutating func text() throws(StoreError) -> String {
        guard let text = try optionalText() else { throw damage() }
        return text
    }

    mutating func optionalText() throws(StoreError) -> String? {
        switch next() {
        case .null: return nil
        case .bytes(let bytes):
            // A repairing conversion would turn damage into text that nobody wrote.
            guard let text = String(validating: bytes, as: UTF8.self) else { throw damage() }
            return text
        default: throw damage()
        }
    }

    mutating func integer() throws(StoreError) -> Int64 {
        guard let integer = try optionalInteger() else { throw damage() }
        return integer
    }

    mutating func optionalInteger() throws(StoreError) -> Int64? {
        switch next() {
        case .null: nil
        case .integer(let integer): integer
        default: throw damage()
        }
    }

    mutating func flag() throws(StoreError) -> Bool {
        switch try integer() {
        case 0: false
        case 1: true
        default: throw damage()
        }
    }

    mutating func date() throws(StoreError) -> Date {
        guard let date = try optionalDate() else { throw damage() }
        return date
    }

    mutating func optionalDate() throws(StoreError) -> Date? {
        guard let milliseconds = try optionalInteger() else { return nil }
        guard Column.milliseconds.contains(milliseconds) else { throw damage() }
        return Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    }

    /// What to throw about the column that was read last.
    ///
    /// Names the record by its key and the column; what is in the column is never shown.
    func damage() -> StoreError {
        let name = (0..<keyColumnCount).map { column in
            switch row[column] {
            case .text(let text): text
            case .bytes(let bytes): String(validating: bytes, as: UTF8.self) ?? "?"
            case .integer(let integer): String(integer)
            case .null: "?"
            }
        }
        return .corrupt("\(table) \(name.joined(separator: " ")): \(row.columnNames[index - 1])")
    }

    private mutating func next() -> SQLValue {
        defer { index += 1 }
        return row[index]
    }
}
