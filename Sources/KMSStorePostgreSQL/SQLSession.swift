import KMSModel
import KMSStore
import KMSStoreSQL

/// The statements that all engines share, on a connection within a transaction.
struct SQLSession: SQLConnection {
    let connection: PostgreSQLConnection
    /// Whose audit lines are kept.
    let node: String

    @discardableResult
    func run(_ sql: String, _ values: [SQLValue]) throws -> Int {
        try connection.run(sql, values).changedCount
    }

    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) throws {
        let result = try connection.run(sql, values)
        for index in 0..<result.rowCount { try body(QueryResult.Row(result: result, index: index)) }
    }

    /// A secret stands in the row that it belongs to.
    func keep(_ wrapped: [UInt8]) throws -> SQLValue { .bytes(wrapped) }

    /// The row itself is changed or removed next, and the bytes with it.
    func destroySecrets(of table: String, where condition: String, _ values: [SQLValue]) throws {}

    func secrets(of table: String) -> (join: String, column: String) { ("", "secret") }

    /// Writes all of a change, and what it is about into the change feed.
    func write(_ change: Change) throws {
        for mutation in change.mutations {
            if case .keepAuditLines(let kept) = mutation {
                try run(
                    "INSERT INTO audit_outbox (node, event_id, lines) VALUES (?, ?, ?)",
                    [.text(node), .text(kept.eventID), .bytes(kept.lines)])
            } else {
                try apply(mutation)
            }
        }
        try ChangeFeed(session: self).append(change.changedRecords)
    }

    /// Every row of a query.
    func rows<Value>(
        _ sql: String, _ values: [any SQLConvertible] = [], _ read: (inout RowReader) throws -> Value
    ) throws -> [Value] {
        var found: [Value] = []
        try forEachRow(sql, values.map(\.sqlValue)) { row in
            var reader = RowReader(row, of: "a list", keyColumnCount: 0)
            found.append(try read(&reader))
        }
        return found
    }
}
