import Foundation
import KMSModel
package import KMSStore
import KMSStoreSQL

/// What was changed, in order, for nodes that hold it in memory.
///
/// The feed has parts, so that changes of one account and region wait for each other and for no others. Each has a row that
/// counts its entries. A change counts last of all, and the lock of the row lasts until it is committed: so the positions of
/// a part become visible in their order and without gaps.
///
/// Each transaction has a tag, a random number: a failover that loses what was visible begins to count again where the new
/// primary is, and what is there then is known by its tag to be another entry.
enum Feed {
    static let partCount = 64
    /// How many entries of a part are kept at the least; a node that is further behind reads anew what it holds.
    static let keptCount: Int64 = 10_000
    /// After how many entries of a part the old ones are removed.
    private static let sweepInterval: Int64 = 256

    /// By the server's clock, in milliseconds since 1970, whatever the transaction has seen before.
    static let now = "CAST(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000 AS BIGINT)"

    // MARK: Writing

    /// What has to be the last of a change: counting, in the order of the parts.
    static func statements(for records: [ChangedRecord]) -> [Statement] {
        let tag = Int64.random(in: 1...Int64.max)
        let parts = Dictionary(grouping: records, by: part).sorted { $0.key < $1.key }
        return parts.flatMap { part, records -> [Statement] in
            let entries = records.enumerated().map { entry($0.element, in: part, records.count - 1 - $0.offset) }
            return [counting(records.count, in: part, tag: tag)] + entries + [sweeping(part, after: records.count)]
        }
    }

    private static func counting(_ count: Int, in part: Int, tag: Int64) -> Statement {
        Statement(
            sql: "UPDATE feed SET position = position + ?, tag = ? WHERE part = ?",
            values: [.integer(Int64(count)), .integer(tag), .integer(Int64(part))], mustFindOne: true)
    }

    /// - Parameter distance: How far the entry is from the last that was counted.
    private static func entry(_ record: ChangedRecord, in part: Int, _ distance: Int) -> Statement {
        Statement(
            sql: """
                INSERT INTO change (part, position, tag, kind, account, region, record)
                SELECT part, position - ?, tag, ?, ?, ?, ? FROM feed WHERE part = ?
                """,
            values: [.integer(Int64(distance))] + record.columns + [.integer(Int64(part))], mustFindOne: true)
    }

    private static func sweeping(_ part: Int, after count: Int) -> Statement {
        Statement(
            sql: """
                DELETE FROM change WHERE part = ? AND position <= (
                    SELECT position - \(keptCount) FROM feed
                    WHERE part = ? AND position > \(keptCount) AND position % \(sweepInterval) < ?
                )
                """,
            values: [.integer(Int64(part)), .integer(Int64(part)), .integer(Int64(count))])
    }

    // MARK: Reading

    static func position(_ connection: PostgreSQLConnection) throws -> (position: FeedPosition, date: Date) {
        let query = Statement(sql: "SELECT part, position, tag, \(now) FROM feed ORDER BY part")
        guard let result = try connection.run([query]).first else { throw StoreError.corrupt("the change feed") }
        let rows = try result.map { row throws(StoreError) in
            (part: try row.integer(0), position: try row.integer(1), tag: try row.integer(2), date: try row.integer(3))
        }
        guard rows.map(\.part) == (0..<Int64(partCount)).map({ $0 }), let date = rows.last?.date else {
            throw StoreError.corrupt("the parts of the change feed")
        }
        return (
            FeedPosition(parts: rows.map(\.position), tags: rows.map(\.tag)),
            Date(timeIntervalSince1970: Double(date) / 1000)
        )
    }

    /// What is not understood is no reason to stop: then anything may have changed.
    static func news(after last: FeedPosition, _ connection: PostgreSQLConnection) throws -> FeedNews {
        let (position, date) = try position(connection)
        func news(_ records: [ChangedRecord]?) -> FeedNews {
            FeedNews(position: position, records: records, date: date)
        }
        guard last.parts.count == partCount, last.tags.count == partCount else { return news(nil) }
        let moved = (0..<partCount).filter {
            last.parts[$0] != position.parts[$0] || last.tags[$0] != position.tags[$0]
        }
        guard moved.allSatisfy({ entryCount(after: last.parts[$0], to: position.parts[$0]) != nil }) else {
            return news(nil)
        }
        let results = try connection.run(
            moved.map { part in
                Statement(
                    sql: """
                        SELECT kind, account, region, record, tag FROM change
                        WHERE part = ? AND position >= ? AND position <= ? ORDER BY position
                        """,
                    values: [.integer(Int64(part)), .integer(last.parts[part]), .integer(position.parts[part])])
            })
        var records: [ChangedRecord] = []
        var seen: Set<ChangedRecord> = []
        for (part, result) in zip(moved, results) {
            guard let entries = entries(in: result, after: last, of: part, to: position.parts[part]) else {
                return news(nil)
            }
            records += entries.filter { seen.insert($0).inserted }
        }
        return news(records)
    }

    /// The entries behind the last that was read, which `result` begins with if there was one; nil when that is another one,
    /// some are missing, or there are some of a newer version of the program, or damaged ones.
    private static func entries(
        in result: QueryResult, after last: FeedPosition, of part: Int, to position: Int64
    ) -> [ChangedRecord]? {
        let known = last.parts[part] > 0 ? 1 : 0
        guard let count = entryCount(after: last.parts[part], to: position), result.rowCount == Int(count) + known
        else { return nil }
        if known > 0, result.value(row: 0, column: 4) != .integer(last.tags[part]) { return nil }
        return try? result.map(ChangedRecord.init(row:)).suffix(Int(count))
    }

    /// Which grants have changed on each of `keys`; a key on which any may have changed is not in it.
    static func changedGrants(
        on keys: Set<KeyARN>, since last: FeedPosition, _ connection: any SQLConnection
    ) throws -> [KeyARN: Set<GrantID>] {
        guard last.parts.count == partCount, last.tags.count == partCount else { return [:] }
        var changed: [KeyARN: Set<GrantID>] = [:]
        let parts = Dictionary(grouping: keys) { part(of: .key($0)) }
        for (part, keys) in parts.sorted(by: { $0.key < $1.key }) {
            guard let records = try grantEntries(of: part, since: last, connection) else { continue }
            var own = Dictionary(keys.map { ($0, Set<GrantID>()) }) { first, _ in first }
            for record in records {
                switch record {
                case .grant(let key, let id): own[key]?.insert(id)
                case .deletedKey(let key): own[key] = nil
                default: continue
                }
            }
            changed.merge(own.filter { $0.value.count <= mostChangedGrants }) { first, _ in first }
        }
        return changed
    }

    /// How many grants on a key are read one by one: everybody waits while they are put into memory.
    private static let mostChangedGrants = 200

    /// The entries about grants and deleted keys, in order; nil when others may have been lost.
    private static func grantEntries(
        of part: Int, since last: FeedPosition, _ connection: any SQLConnection
    ) throws -> [ChangedRecord]? {
        let (start, tag) = (last.parts[part], last.tags[part])
        var reachesBack = false
        let position = "SELECT position, tag FROM feed WHERE part = ?"
        try connection.forEachRow(position, [.integer(Int64(part))]) { row in
            guard case .integer(let position) = row[0], case .integer(let lastTag) = row[1] else { return }
            reachesBack = position == start ? lastTag == tag : entryCount(after: start, to: position) != nil
        }
        var lastIsThere = start == 0
        var records: [ChangedRecord?] = []
        try connection.forEachRow(
            """
            SELECT kind, account, region, record, tag, position FROM change WHERE part = ? AND position >= ?
                AND (position = ? OR kind IN ('grant', 'deleted-key'))
            ORDER BY position
            """, [.integer(Int64(part)), .integer(start), .integer(start)]
        ) { row in
            if row[5] == .integer(start) {
                lastIsThere = row[4] == .integer(tag)
            } else {
                records.append(try? ChangedRecord(row: row))
            }
        }
        return reachesBack && lastIsThere && !records.contains(nil) ? records.compactMap(\.self) : nil
    }

    /// How many entries a part has got; nil when that is more than are kept, or the numbers are none that it counts to.
    ///
    /// A part that has fewer entries than it had is of another database.
    private static func entryCount(after last: Int64, to position: Int64) -> Int64? {
        let (count, isTooMuch) = position.subtractingReportingOverflow(last)
        return last >= 0 && !isTooMuch && (1...keptCount).contains(count) ? count : nil
    }

    // MARK: Parts

    /// The same in every version of the program: nodes of two versions may write at the same time.
    static func part(of record: ChangedRecord) -> Int {
        switch record {
        case .key(let arn), .deletedKey(let arn), .grant(let arn, _): part(of: "\(arn.account)/\(arn.region)")
        case .alias(let arn): part(of: "\(arn.realm.account)/\(arn.realm.region)")
        case .account(let id): part(of: id.description)
        case .setting: 0
        }
    }

    /// FNV-1a with 64 bits.
    private static func part(of name: String) -> Int {
        let hash = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        return Int(hash % UInt64(partCount))
    }
}

extension ChangedRecord {
    private enum Kind: String {
        case key, deletedKey = "deleted-key", grant, alias, account, setting
    }

    /// Kind, account, region, record.
    fileprivate var columns: [SQLValue] {
        switch self {
        case .key(let arn): columns(.key, arn.realm, arn.keyID.description)
        case .deletedKey(let arn): columns(.deletedKey, arn.realm, arn.keyID.description)
        case .grant(let arn, let id): columns(.grant, arn.realm, "\(arn.keyID)/\(id)")
        case .alias(let arn): columns(.alias, arn.realm, arn.name.description)
        case .account(let id): [.text(Kind.account.rawValue), .text(id.description), .null, .null]
        case .setting(let name): [.text(Kind.setting.rawValue), .null, .null, .bytes(Array(name.utf8))]
        }
    }

    private func columns(_ kind: Kind, _ realm: Realm, _ name: String) -> [SQLValue] {
        [
            .text(kind.rawValue), .text(realm.account.description), .text(realm.region.description),
            .bytes(Array(name.utf8)),
        ]
    }

    /// - Parameter row: Kind, account, region, record.
    fileprivate init(row: some SQLRow) throws(StoreError) {
        var row = RowReader(row, of: "change", keyColumnCount: 0)
        let kind: Kind = try row.value()
        let account = try row.optionallyParsed(AccountID.init)
        let region = try row.optionallyParsed(Region.init)
        let name = try row.optionalText()
        func parsed<Value>(_ parse: (String) -> Value?) throws(StoreError) -> Value {
            guard let value = name.flatMap(parse) else { throw row.damage() }
            return value
        }
        func realm() throws(StoreError) -> Realm {
            guard let account, let region else { throw row.damage() }
            return Realm(account: account, region: region)
        }
        switch kind {
        case .key: self = .key(KeyARN(realm: try realm(), keyID: try parsed(KeyID.init)))
        case .deletedKey: self = .deletedKey(KeyARN(realm: try realm(), keyID: try parsed(KeyID.init)))
        case .grant:
            let names = try parsed { $0.split(separator: "/").map(String.init) }
            guard names.count == 2, let key = KeyID(names[0]), let id = GrantID(names[1]) else { throw row.damage() }
            self = .grant(KeyARN(realm: try realm(), keyID: key), id)
        case .alias: self = .alias(AliasARN(realm: try realm(), name: try parsed { AliasName($0) }))
        case .account:
            guard let account else { throw row.damage() }
            self = .account(account)
        case .setting: self = .setting(try parsed { $0 })
        }
    }
}

extension PostgreSQLStore {
    package func position() async throws(StoreError) -> FeedNews {
        try await withConnection(of: feedPool) { connection in
            let (position, date) = try Feed.position(connection)
            return FeedNews(position: position, records: [], date: date)
        }
    }

    package func changes(after position: FeedPosition) async throws(StoreError) -> FeedNews {
        try await withConnection(of: feedPool) { connection in try Feed.news(after: position, connection) }
    }
}
