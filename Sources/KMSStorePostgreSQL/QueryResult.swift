import CPostgreSQL
import KMSStore
import KMSStoreSQL

/// What the server answered to one statement, in the binary format.
@safe final class QueryResult {
    private let result: OpaquePointer

    init(owning result: OpaquePointer) {
        unsafe self.result = result
    }

    deinit { unsafe PQclear(result) }

    var status: ExecStatusType { unsafe PQresultStatus(result) }

    /// What went wrong, if anything did.
    var failure: PostgreSQLError? {
        switch status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC: nil
        case PGRES_PIPELINE_ABORTED: PostgreSQLError(state: "25P02", message: "a statement before it failed")
        default:
            PostgreSQLError(
                state: field("C") ?? "",
                message: unsafe field("M") ?? String(onOneLine: PQresultErrorMessage(result)))
        }
    }

    /// One of the fields of postgres_ext.h, which are characters there: C is SQLSTATE, M the message.
    private func field(_ name: Unicode.Scalar) -> String? {
        unsafe PQresultErrorField(result, Int32(name.value)).map { unsafe String(cString: $0) }
    }

    /// The name of the command that was done; for `COMMIT` it can be `ROLLBACK`.
    var commandTag: String { unsafe String(cString: PQcmdStatus(result)) }

    /// How many rows the statement added, changed or removed.
    var changedCount: Int { Int(unsafe String(cString: PQcmdTuples(result))) ?? 0 }

    var rowCount: Int { Int(unsafe PQntuples(result)) }

    var columnNames: [String] {
        unsafe (0..<PQnfields(result)).map { index in
            unsafe PQfname(result, index).map { unsafe String(cString: $0) } ?? "?"
        }
    }

    /// What is in a column; a value of a type that the store does not have is none.
    func value(row: Int, column: Int) -> SQLValue {
        let (row, column) = (Int32(row), Int32(column))
        guard unsafe PQgetisnull(result, row, column) == 0, let start = unsafe PQgetvalue(result, row, column) else {
            return .null
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
        switch unsafe PQftype(result, column) {
        case TypeID.int8 where bytes.count == 8:
            return .integer(Int64(bigEndian: unsafe bytes.loadUnaligned(as: Int64.self)))
        case TypeID.int4 where bytes.count == 4:
            return .integer(Int64(Int32(bigEndian: unsafe bytes.loadUnaligned(as: Int32.self))))
        // A repairing conversion would turn damage into text that nobody wrote.
        case TypeID.text: return unsafe String(validating: bytes, as: UTF8.self).map(SQLValue.text) ?? .null
        case TypeID.bytea: return .bytes(unsafe Array(bytes))
        default: return .null
        }
    }

    /// Shows each row in turn.
    func forEachRow(_ body: (any SQLRow) throws -> Void) rethrows {
        for index in 0..<rowCount { try body(Row(result: self, index: index)) }
    }

    /// What `read` makes of each row.
    func map<Value>(_ read: (Row) throws(StoreError) -> Value) throws(StoreError) -> [Value] {
        var values: [Value] = []
        for index in 0..<rowCount { values.append(try read(Row(result: self, index: index))) }
        return values
    }

    /// One row.
    struct Row: SQLRow {
        let result: QueryResult
        let index: Int

        var columnNames: [String] { result.columnNames }

        subscript(column: Int) -> SQLValue { result.value(row: index, column: column) }

        func integer(_ column: Int) throws(StoreError) -> Int64 {
            guard case .integer(let integer) = self[column] else { throw damage(column) }
            return integer
        }

        func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
            guard case .bytes(let bytes) = self[column] else { throw damage(column) }
            return bytes
        }

        /// A column as something that KMSModel parses from text.
        func parsed<Value>(_ column: Int, _ parse: (String) -> Value?) throws(StoreError) -> Value {
            guard case .text(let text) = self[column], let value = parse(text) else { throw damage(column) }
            return value
        }

        func text(_ column: Int) throws(StoreError) -> String { try parsed(column) { $0 } }

        /// What to throw about a column; what is in it is never shown.
        func damage(_ column: Int) -> StoreError { .corrupt("the column \(columnNames[column])") }
    }
}

/// The types that the store has columns and values of: `pg_type.dat`.
enum TypeID {
    static let bytea: Oid = 17
    static let int8: Oid = 20
    static let int4: Oid = 23
    static let text: Oid = 25
}
