package import KMSModel
package import KMSStore
import KMSStoreSQL

extension PostgreSQLStore {
    // MARK: Leases

    /// Nobody takes a lease for so long.
    private static let longestLease = Duration.seconds(3600)

    package func claim(
        _ lease: String, for holder: String, lasting duration: Duration
    ) async throws(StoreError) -> Bool {
        let milliseconds = Int64((min(duration, Self.longestLease) / .milliseconds(1)).rounded())
        // Whether it is over is looked at when the row is locked, so two claims cannot both find that it is.
        let claim = Statement(
            sql: """
                INSERT INTO lease (name, holder, expiry) VALUES (?, ?, \(Feed.now) + ?)
                ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expiry = excluded.expiry
                WHERE lease.holder = excluded.holder OR lease.expiry <= \(Feed.now)
                """,
            values: [.text(lease), .text(holder), .integer(milliseconds)])
        let shortenings = [
            Self.shortening("name = ?", [.text(lease)], to: milliseconds),
            Self.shortening("name <> ?", [.text(lease)], to: Int64(Self.longestLease / .milliseconds(1))),
        ]
        return try await withConnection(of: leasePool) { connection in
            _ = try connection.run([.begin])
            let isHeld = try connection.run([claim] + shortenings).first?.changedCount == 1
            // Another node must not find the lease free after this server is lost.
            try connection.commit()
            return isHeld
        }
    }

    /// Lets leases end after so many milliseconds at the latest.
    ///
    /// While the server's clock was wrong, some were given an end that is years ahead. Whoever holds one has not asked for
    /// more time than this from now, so it is not taken from anybody early.
    private static func shortening(_ condition: String, _ values: [SQLValue], to milliseconds: Int64) -> Statement {
        Statement(
            sql: "UPDATE lease SET expiry = \(Feed.now) + ? WHERE \(condition) AND expiry > \(Feed.now) + ?",
            values: [.integer(milliseconds)] + values + [.integer(milliseconds)])
    }

    package func release(_ lease: String, by holder: String) async throws(StoreError) {
        let release = Statement(
            sql: "DELETE FROM lease WHERE name = ? AND holder = ?", values: [.text(lease), .text(holder)])
        try await withConnection(of: leasePool) { connection in _ = try connection.run([release]) }
    }

    package func heldLeases(beginning prefix: String) async throws(StoreError) -> [String] {
        let query = Statement(sql: "SELECT name FROM lease WHERE expiry > \(Feed.now) ORDER BY name")
        let names = try await rows(of: query, from: leasePool) { row throws(StoreError) in try row.text(0) }
        return names.filter { $0.utf8.starts(with: prefix.utf8) }
    }

    // MARK: Audit lines

    package func auditLines() async throws(StoreError) -> [KeptAuditLines] {
        let condition = Condition("node = ?", [node])
        return try await withConnection { connection in try connection.records(.auditLines, where: condition) }
    }

    package func nodesWithAuditLines() async throws(StoreError) -> [String] {
        let query = Statement(sql: "SELECT DISTINCT node FROM audit_outbox ORDER BY node")
        return try await rows(of: query) { row throws(StoreError) in try row.text(0) }
    }

    package func adoptAuditLines(of node: String) async throws(StoreError) -> [KeptAuditLines] {
        guard node != self.node else { return [] }
        let adoption = Statement(
            sql: "UPDATE audit_outbox SET node = ? WHERE node = ? RETURNING ordinal, event_id, lines",
            values: [.text(self.node), .text(node)])
        return try await withConnection { connection in
            _ = try connection.run([.begin])
            let adopted = try connection.run([adoption]).first?.map { row throws(StoreError) in
                (
                    ordinal: try row.integer(0),
                    kept: KeptAuditLines(eventID: try row.text(1), lines: try row.bytes(2))
                )
            }
            try connection.commit()
            return (adopted ?? []).sorted { $0.ordinal < $1.ordinal }.map(\.kept)
        }
    }
}
