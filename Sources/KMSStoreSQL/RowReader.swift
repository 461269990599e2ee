package import Foundation
import KMSModel
package import KMSStore

/// Takes one row apart, column by column, and says which record and column is damaged when one is.
package struct RowReader {
    private var row: any SQLRow
    /// The table, for the text of errors.
    private let table: String
    /// How many columns in front are the key of the record, which errors name it by.
    private let keyColumnCount: Int
    private var index = 0
    /// What rows often have alike, from the row before this one and then from this one.
    private var repeated = Repeated()

    /// What a row often has in common with the one before it: read as the same values, it is neither parsed nor in memory
    /// twice.
    private struct Repeated {
        var account: AccountID?
        var region: Region?
        var spec: KeySpec?
        var text = ""
    }

    /// Begins with the first column of a row.
    package init(_ row: any SQLRow, of table: String, keyColumnCount: Int) {
        self.row = row
        self.table = table
        self.keyColumnCount = keyColumnCount
    }

    /// Goes on with the first column of another row of the same table.
    mutating func turn(to row: any SQLRow) {
        self.row = row
        index = 0
    }

    /// The next column as something that KMSModel parses from text.
    package mutating func parsed<Value>(_ parse: (String) -> Value?) throws(StoreError) -> Value {
        guard case .text(let text) = next(), let value = parse(text) else { throw damage() }
        return value
    }

    /// The next column as something that KMSModel parses from text; nil for a column without a value.
    package mutating func optionallyParsed<Value>(_ parse: (String) -> Value?) throws(StoreError) -> Value? {
        switch next() {
        case .null: return nil
        case .text(let text):
            guard let value = parse(text) else { throw damage() }
            return value
        default: throw damage()
        }
    }

    /// The next column as one of the values of an enumeration.
    package mutating func value<Value: RawRepresentable<String>>(_ type: Value.Type = Value.self) throws(StoreError)
        -> Value
    {
        try parsed(Value.init(rawValue:))
    }

    /// The next column as bytes.
    package mutating func bytes() throws(StoreError) -> [UInt8] {
        guard let bytes = try optionalBytes() else { throw damage() }
        return bytes
    }

    /// The next column as bytes; nil for a column without a value.
    package mutating func optionalBytes() throws(StoreError) -> [UInt8]? {
        switch next() {
        case .null: nil
        case .bytes(let bytes): bytes
        default: throw damage()
        }
    }

    /// The next column as text that is stored as its UTF-8.
    package mutating func text() throws(StoreError) -> String {
        guard let text = try optionalText() else { throw damage() }
        return text
    }

    /// The next column as text; nil for a column without a value.
    package mutating func optionalText() throws(StoreError) -> String? {
        switch next() {
        case .null: return nil
        case .bytes(let bytes):
            // A repairing conversion would turn damage into text that nobody wrote.
            guard let text = String(validating: bytes, as: UTF8.self) else { throw damage() }
            return text
        default: throw damage()
        }
    }

    /// The next column as text that is stored as its UTF-8 and that many rows have alike.
    mutating func repeatedText() throws(StoreError) -> String {
        guard let bytes = try optionalBytes() else { throw damage() }
        let isSame = repeated.text.withUTF8 { text in
            text.count == bytes.count && text.baseAddress.map { memcmp($0, bytes, bytes.count) } ?? 0 == 0
        }
        if !isSame {
            guard let text = String(validating: bytes, as: UTF8.self) else { throw damage() }
            repeated.text = text
        }
        return repeated.text
    }

    /// The next column as a key spec.
    mutating func keySpec() throws(StoreError) -> KeySpec {
        let last = repeated.spec
        let spec = try parsed { $0 == last?.rawValue ? last : KeySpec(rawValue: $0) }
        repeated.spec = spec
        return spec
    }

    /// The next two columns as an account and a region.
    mutating func realm() throws(StoreError) -> Realm {
        let (lastAccount, lastRegion) = (repeated.account, repeated.region)
        let account = try parsed { $0 == lastAccount?.description ? lastAccount : AccountID($0) }
        let region = try parsed { $0 == lastRegion?.description ? lastRegion : Region($0) }
        (repeated.account, repeated.region) = (account, region)
        return Realm(account: account, region: region)
    }

    /// The next column as a number.
    package mutating func integer() throws(StoreError) -> Int64 {
        guard let integer = try optionalInteger() else { throw damage() }
        return integer
    }

    /// The next column as a number; nil for a column without a value.
    package mutating func optionalInteger() throws(StoreError) -> Int64? {
        switch next() {
        case .null: nil
        case .integer(let integer): integer
        default: throw damage()
        }
    }

    /// The next column as a version, above which there is room for all that will ever come.
    package mutating func version() throws(StoreError) -> Int64 {
        let version = try integer()
        guard (0...Int64.max / 2).contains(version) else { throw damage() }
        return version
    }

    /// The next column as a truth value: one or zero.
    package mutating func flag() throws(StoreError) -> Bool {
        switch try integer() {
        case 0: false
        case 1: true
        default: throw damage()
        }
    }

    /// The next column as a date.
    package mutating func date() throws(StoreError) -> Date {
        guard let date = try optionalDate() else { throw damage() }
        return date
    }

    /// The next column as a date; nil for a column without a value.
    package mutating func optionalDate() throws(StoreError) -> Date? {
        guard let milliseconds = try optionalInteger() else { return nil }
        guard Column.milliseconds.contains(milliseconds) else { throw damage() }
        return Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    }

    /// What to throw about the column that was read last.
    ///
    /// Names the record by its key and the column; what is in the column is never shown.
    package func damage() -> StoreError {
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
