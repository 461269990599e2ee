import CPostgreSQL
import KMSStoreSQL

/// What the server answered to one statement, in the binary format.
final class QueryResult {
    /// `PG_DIAG_SQLSTATE`, `PG_DIAG_SEVERITY_NONLOCALIZED` and `PG_DIAG_MESSAGE_PRIMARY` of postgres_ext.h, which are characters there.
    static let sqlState = Int32(UInt8(ascii: "C"))
    static let severity = Int32(UInt8(ascii: "V"))
    static let primaryMessage = Int32(UInt8(ascii: "M"))

    private let result: OpaquePointer

    init(owning result: OpaquePointer) {
        self.result = result
    }

    deinit { PQclear(result) }

    /// How many rows the statement added, changed or removed.
    var changedCount: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    var rowCount: Int { Int(PQntuples(result)) }

    var columnNames: [String] {
        (0..<PQnfields(result)).map { PQfname(result, $0).map { String(cString: $0) } ?? "?" }
    }

    /// What is in a column; a value of a type that the store does not have is none.
    func value(row: Int, column: Int) -> SQLValue {
        let (row, column) = (Int32(row), Int32(column))
        guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else { return .null }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
        switch PQftype(result, column) {
        case TypeID.int8 where bytes.count == 8: return .integer(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
        case TypeID.int4 where bytes.count == 4:
            return .integer(Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))))
        case TypeID.text: return .text(String(decoding: bytes, as: UTF8.self))
        case TypeID.bytea: return .bytes(Array(bytes))
        default: return .null
        }
    }

    /// One row.
    struct Row: SQLRow {
        let result: QueryResult
        let index: Int

        var columnNames: [String] { result.columnNames }

        subscript(column: Int) -> SQLValue { result.value(row: index, column: column) }
    }
}

/// The types that the store has columns and values of: `pg_type.dat`.
enum TypeID {
    static let bytea: Oid = 17
    static let int8: Oid = 20
    static let int4: Oid = 23
    static let text: Oid = 25
}
