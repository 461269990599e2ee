import KMSModel
package import KMSStore
import KMSStoreSQL

extension PostgreSQLStore {
    package func check() async throws(StoreError) {
        try await withConnection(patience: Self.longPatience) { connection in
            _ = try connection.run([.beginSnapshot])
            _ = try connection.readFrame()
            try Self.readEveryKey(connection)
            try Self.findOrphans(connection)
            try Self.checkCounts(connection)
            try Self.checkFeed(connection)
            _ = try connection.run([.commit])
        }
    }

    /// Some at a time: there may be more than fit in memory.
    private static func readEveryKey(_ connection: PostgreSQLConnection) throws {
        var last: KeyARN?
        repeat {
            last = try connection.readKeys(after: last, limit: 1000).last?.record.arn
        } while last != nil
    }

    /// The database keeps records from losing their key; one that was put together from copies may have them all the same.
    private static func findOrphans(_ connection: PostgreSQLConnection) throws {
        for (table, column) in [
            ("key_tag", "key_id"), ("material", "key_id"), ("key_usage", "key_id"), ("alias", "target"),
            ("key_grant", "key_id"),
        ] {
            let count = try connection.count(
                """
                SELECT count(*) FROM \(table) LEFT JOIN kms_key ON kms_key.account = \(table).account
                    AND kms_key.region = \(table).region AND kms_key.key_id = \(table).\(column)
                WHERE kms_key.key_id IS NULL
                """)
            guard count == 0 else {
                throw StoreError.corrupt("\(table): \(count) records without the key they belong to")
            }
        }
        let count = try connection.count(
            "SELECT count(*) FROM identity LEFT JOIN account ON account.id = identity.account WHERE account.id IS NULL")
        guard count == 0 else { throw StoreError.corrupt("identity: \(count) records without their account") }
    }

    private static func checkCounts(_ connection: PostgreSQLConnection) throws {
        let count = try connection.count(KeyCount.mistakes)
        guard count == 0 else { throw StoreError.corrupt("key_count: \(count) accounts and regions are counted wrong") }
    }

    private static func checkFeed(_ connection: PostgreSQLConnection) throws {
        guard try Feed.position(connection).position.parts.allSatisfy({ $0 >= 0 }) else {
            throw StoreError.corrupt("a part of the change feed has less than no entries")
        }
        let count = try connection.count(
            """
            SELECT count(*) FROM (
                SELECT feed.part FROM feed JOIN change ON change.part = feed.part GROUP BY feed.part, feed.position
                HAVING max(change.position) <> feed.position
                    OR max(change.position) - min(change.position) + 1 <> count(*)
            ) AS gap
            """)
        guard count == 0 else { throw StoreError.corrupt("\(count) parts of the change feed have gaps") }
    }
}

extension PostgreSQLConnection {
    fileprivate func count(_ sql: String) throws -> Int64 {
        try run([Statement.once(sql)]).first?.map { row throws(StoreError) in try row.integer(0) }.first ?? 0
    }
}
