import CPostgreSQL
import KMSStoreSQL

/// Values in PostgreSQL's binary format, as libpq wants to be lent them.
struct ParameterBlock {
    let types: [Oid]
    private let values: [[UInt8]?]

    init(_ values: [SQLValue]) {
        types = values.map(Self.type)
        self.values = values.map(Self.bytes)
    }

    /// The type is left to the server for a value that is none.
    static func type(of value: SQLValue) -> Oid {
        switch value {
        case .null: 0
        case .integer: TypeID.int8
        case .text: TypeID.text
        case .bytes: TypeID.bytea
        }
    }

    private static func bytes(of value: SQLValue) -> [UInt8]? {
        switch value {
        case .null: nil
        case .integer(let integer): unsafe withUnsafeBytes(of: integer.bigEndian) { unsafe Array($0) }
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        }
    }

    /// Lends pointers to the values, their lengths, and their formats.
    func withPointers<Answer>(_ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Answer) -> Answer {
        let lengths = values.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: values.count)
        return unsafe Self.withPointers(to: values) { pointers in unsafe body(pointers, lengths, formats) }
    }

    /// Lends texts that end in zero, and behind them a pointer to nothing.
    static func withCStrings<Answer>(_ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Answer) -> Answer {
        unsafe withPointers(to: texts.map { Array($0.utf8) + [0] }) { pointers in unsafe body(pointers + [nil]) }
    }

    /// Lends the bytes of each value, in one block of memory; nil for a value that is none.
    private static func withPointers<Answer>(
        to values: [[UInt8]?], _ body: ([UnsafePointer<CChar>?]) -> Answer
    ) -> Answer {
        // An empty value has to have an address too: one byte more than all have together.
        let block = values.reduce(into: [UInt8]()) { $0 += $1 ?? [] } + [0]
        return unsafe block.withUnsafeBufferPointer { block in
            unsafe block.withMemoryRebound(to: CChar.self) { block in
                var offset = 0
                let pointers = unsafe values.map { value -> UnsafePointer<CChar>? in
                    guard let value, let start = block.baseAddress else { return nil }
                    defer { offset += value.count }
                    return unsafe start + offset
                }
                return unsafe body(pointers)
            }
        }
    }
}
