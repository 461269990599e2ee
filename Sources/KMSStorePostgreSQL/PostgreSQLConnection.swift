import CPostgreSQL
import KMSStore
import KMSStoreSQL

/// One connection to a server, used by one thread at a time.
///
/// Calls block until the server has answered.
final class PostgreSQLConnection {
    private let connection: OpaquePointer
    private let warnings = Warnings()
    /// The names of the statements that the server has prepared, by their text and the types of their values.
    private var statements: [StatementKey: String] = [:]
    /// Whether it has failed in a way that it does not come back from.
    private(set) var isBroken = false

    private struct StatementKey: Hashable {
        let sql: String
        let types: [Oid]
    }

    /// Connects.
    ///
    /// - Throws: ``PostgreSQLError``.
    init(to place: ServerPlace) throws(PostgreSQLError) {
        let parameters = place.parameters
        let opened = Self.withCStrings(parameters.map(\.keyword)) { names in
            Self.withCStrings(parameters.map(\.value)) { values in PQconnectdbParams(names, values, 1) }
        }
        guard let opened else { throw PostgreSQLError(state: "", message: "no memory for a connection") }
        connection = opened
        guard PQstatus(opened) == CONNECTION_OK else {
            let error = PostgreSQLError(state: "", message: Self.message(of: opened))
            PQfinish(opened)
            throw error
        }
        PQsetNoticeReceiver(
            opened,
            { warnings, notice in
                guard let warnings else { return }
                let severity = PQresultErrorField(notice, QueryResult.severity).map { String(cString: $0) }
                guard severity == "WARNING" else { return }
                Unmanaged<Warnings>.fromOpaque(warnings).takeUnretainedValue().count += 1
            }, Unmanaged.passUnretained(warnings).toOpaque())
    }

    deinit { PQfinish(connection) }

    // MARK: Transactions

    /// Does `work` in a transaction of the isolation that the server is set to.
    ///
    /// - Throws: What `work` throws; nothing was written then. ``StoreError/unavailable(_:)`` also when the server does not
    ///   say that what it wrote is safe: then it may be there or not.
    func transaction<Value>(_ start: String = "BEGIN", _ work: () throws -> Value) throws -> Value {
        try execute(start)
        let value: Value
        do {
            value = try work()
        } catch {
            // After a failure of the connection there is nothing to take back.
            if !isBroken { try? execute("ROLLBACK") }
            throw error
        }
        warnings.count = 0
        do throws(PostgreSQLError) {
            try execute("COMMIT")
        } catch {
            throw error.ofCommit
        }
        // Such as that the wait for a synchronous standby was given up, which reports success all the same.
        guard warnings.count == 0 else {
            isBroken = true
            throw StoreError.unavailable("the server did not say that a transaction is safe")
        }
        return value
    }

    /// Counts the warnings that come from the server.
    private final class Warnings {
        var count = 0
    }

    /// Runs statements that have no values and answer nothing.
    func execute(_ sql: String) throws(PostgreSQLError) {
        _ = try check(PQexec(connection, sql))
    }

    /// Runs a statement with values.
    func run(_ sql: String, _ values: [SQLValue]) throws(PostgreSQLError) -> QueryResult {
        let name = try prepared(sql, types: values.map(Self.type))
        let texts = values.map(Self.bytes)
        let lengths = texts.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: values.count)
        let answer = Self.withPointers(texts) { pointers in
            PQexecPrepared(connection, name, Int32(values.count), pointers, lengths, formats, 1)
        }
        return try check(answer)
    }

    // MARK: Statements

    private func prepared(_ sql: String, types: [Oid]) throws(PostgreSQLError) -> String {
        let key = StatementKey(sql: sql, types: types)
        if let name = statements[key] { return name }
        let name = "s\(statements.count)"
        _ = try check(PQprepare(connection, name, Self.numbered(sql), Int32(types.count), types))
        statements[key] = name
        return name
    }

    /// The statement with `$1`, `$2`, … where it has a `?` for each value.
    private static func numbered(_ sql: String) -> String {
        var count = 0
        var text = ""
        for part in sql.split(separator: "?", omittingEmptySubsequences: false) {
            if count > 0 { text += "$\(count)" }
            text += part
            count += 1
        }
        return text
    }

    private func check(_ answer: OpaquePointer?) throws(PostgreSQLError) -> QueryResult {
        guard let answer else {
            isBroken = true
            throw PostgreSQLError(state: "", message: Self.message(of: connection))
        }
        let result = QueryResult(owning: answer)
        switch PQresultStatus(answer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return result
        default: break
        }
        let error = PostgreSQLError(
            state: PQresultErrorField(answer, QueryResult.sqlState).map { String(cString: $0) } ?? "",
            message: PQresultErrorField(answer, QueryResult.primaryMessage).map { String(cString: $0) }
                ?? Self.message(of: connection)
        )
        if error.endsConnection || PQstatus(connection) != CONNECTION_OK { isBroken = true }
        throw error
    }

    private static func message(of connection: OpaquePointer) -> String {
        String(cString: PQerrorMessage(connection)).split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    // MARK: Values

    private static func type(of value: SQLValue) -> Oid {
        switch value {
        case .null: 0
        case .integer: TypeID.int8
        case .text: TypeID.text
        case .bytes: TypeID.bytea
        }
    }

    /// The value in PostgreSQL's binary format; nil for none.
    private static func bytes(of value: SQLValue) -> [UInt8]? {
        switch value {
        case .null: nil
        case .integer(let integer): withUnsafeBytes(of: integer.bigEndian) { Array($0) }
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        }
    }

    private static func withCStrings<Answer>(
        _ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Answer
    ) -> Answer {
        withPointers(texts.map { Array($0.utf8) + [0] }, body, ending: [nil])
    }

    /// Lends the bytes of each value, in one block of memory; nil for a value that is none.
    private static func withPointers<Answer>(
        _ values: [[UInt8]?], _ body: ([UnsafePointer<CChar>?]) -> Answer, ending: [UnsafePointer<CChar>?] = []
    ) -> Answer {
        // An empty value has to have an address too: one byte more than all have together.
        let block = values.reduce(into: [UInt8]()) { $0 += $1 ?? [] } + [0]
        return block.withUnsafeBufferPointer { block in
            block.withMemoryRebound(to: CChar.self) { block in
                var offset = 0
                let pointers = values.map { value -> UnsafePointer<CChar>? in
                    guard let value, let start = block.baseAddress else { return nil }
                    defer { offset += value.count }
                    return start + offset
                }
                return body(pointers + ending)
            }
        }
    }
}
