import Foundation
import KMSModel
import KMSStore
import KMSStoreSQL

/// The order in which records changed, from which nodes learn of each other's changes.
///
/// It is in parts, so that transactions about different accounts do not wait for each other. The row of a part is the last
/// that a transaction writes, and it is locked from then until the transaction is over: positions of a part can be read in
/// their order, and none turns up behind one that could be read before. All transactions take the parts in one order, so none
/// waits for another that waits for it.
///
/// An entry says which record to read again, not what is in it: entries hold nothing worth protecting, and any number of them
/// about one record amount to the last.
struct ChangeFeed {
    /// How many of the newest entries of a part are kept; a reader that fell further behind reads everything again.
    static let retainedCount: Int64 = 10_000
    /// Old entries are removed once in so many.
    private static let removalInterval: Int64 = 64

    let session: SQLSession

    /// Gives records their positions.
    func append(_ records: [ChangedRecord]) throws {
        let parts = Dictionary(grouping: records, by: \.part)
        for (part, records) in parts.sorted(by: { $0.key < $1.key }) {
            let end = try session.rows(
                "UPDATE feed_part SET position = position + ? WHERE part = ? RETURNING position",
                [records.count, part]
            ) { try $0.integer() }.first
            guard let end else { throw StoreError.corrupt("part \(part) of the change feed is not there") }
            let start = end - Int64(records.count)
            for (offset, record) in records.enumerated() {
                try session.run(
                    "INSERT INTO change (part, position, kind, account, region, record) VALUES (?, ?, ?, ?, ?, ?)",
                    [.integer(part), .integer(start + Int64(offset) + 1)] + record.values)
            }
            if start / Self.removalInterval != end / Self.removalInterval {
                try session.run(
                    "DELETE FROM change WHERE part = ? AND position <= ?",
                    [.integer(part), .integer(end - Self.retainedCount)])
            }
        }
    }

    /// Where each part is now, and the server's clock.
    func position() throws -> (FeedPosition, Date) {
        var date = Date.distantPast
        let parts = try session.rows(
            "SELECT position, \(ServerClock.milliseconds) FROM feed_part ORDER BY part"
        ) { row in
            let position = try row.integer()
            date = try row.date()
            return position
        }
        return (FeedPosition(parts: parts), date)
    }

    /// What was changed behind `last`.
    func changes(after last: FeedPosition) throws -> FeedNews {
        let (position, date) = try position()
        guard last.parts.count == position.parts.count else {
            return FeedNews(position: position, records: nil, date: date)
        }
        var records: [ChangedRecord] = []
        for (part, (start, end)) in zip(last.parts, position.parts).enumerated() where start != end {
            let found = try session.rows(
                """
                SELECT kind, account, region, record FROM change
                WHERE part = ? AND position > ? AND position <= ? ORDER BY position
                """,
                [part, start, end]
            ) { try ChangedRecord(&$0) }
            guard end > start, found.count == Int(end - start) else {
                return FeedNews(position: position, records: nil, date: date)
            }
            records += found
        }
        var seen: Set<ChangedRecord> = []
        return FeedNews(position: position, records: records.filter { seen.insert($0).inserted }, date: date)
    }
}

/// The server's clock, which is the same for all nodes.
enum ServerClock {
    /// The present in milliseconds since 1970, as SQL.
    static let milliseconds = "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"
}

extension ChangedRecord {
    /// The part of the feed that the record is in: that of its account and region.
    ///
    /// FNV-1a of 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv), because it has to be the same in every process for ever.
    fileprivate var part: Int64 {
        let name: String
        switch self {
        case .key(let arn): name = "\(arn.account)/\(arn.region)"
        case .alias(let arn): name = "\(arn.realm.account)/\(arn.realm.region)"
        case .account(let id): name = "\(id)/"
        case .setting: return 0
        }
        let hash = name.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return Int64(hash % UInt64(Schema.feedParts))
    }

    /// Kind, account, region, record.
    fileprivate var values: [SQLValue] {
        func bytes(_ text: String) -> SQLValue { .bytes(Array(text.utf8)) }
        return switch self {
        case .key(let arn):
            [.text("key"), .text("\(arn.account)"), .text("\(arn.region)"), bytes("\(arn.keyID)")]
        case .alias(let arn):
            [.text("alias"), .text("\(arn.realm.account)"), .text("\(arn.realm.region)"), bytes("\(arn.name)")]
        case .account(let id): [.text("account"), .text("\(id)"), .null, bytes("")]
        case .setting(let name): [.text("setting"), .null, .null, bytes(name)]
        }
    }

    fileprivate init(_ row: inout RowReader) throws(StoreError) {
        let kind = try row.parsed { $0 }
        let account = try row.optionallyParsed(AccountID.init)
        let region = try row.optionallyParsed(Region.init)
        let record = try row.text()
        switch (kind, account, region) {
        case ("key", let account?, let region?):
            guard let keyID = KeyID(record) else { throw row.damage() }
            self = .key(KeyARN(region: region, account: account, keyID: keyID))
        case ("alias", let account?, let region?):
            guard let name = AliasName(record) else { throw row.damage() }
            self = .alias(AliasARN(realm: Realm(account: account, region: region), name: name))
        case ("account", let account?, _): self = .account(account)
        case ("setting", _, _): self = .setting(record)
        default: throw row.damage()
        }
    }
}
