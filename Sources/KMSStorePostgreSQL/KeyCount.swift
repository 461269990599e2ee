import KMSModel
import KMSStore
import KMSStoreSQL

/// How many keys there are in each account and region, as a row that changes keep up to date.
///
/// The rows are locked just before those of the feed, in order, so that changes wait for each other no longer than they do for
/// the feed, and never in a circle.
enum KeyCount {
    static func statements(for change: Change) -> [Statement] {
        var differences: [Realm: Int64] = [:]
        for mutation in change.mutations {
            switch mutation {
            case .insertKey(let key): differences[key.arn.realm, default: 0] += 1
            case .deleteKey(let arn, _): differences[arn.realm, default: 0] -= 1
            default: continue
            }
        }
        return differences.filter { $0.value != 0 }
            .sorted { ($0.key.account, $0.key.region) < ($1.key.account, $1.key.region) }
            .map { realm, difference in
                Statement(
                    sql: """
                        INSERT INTO key_count (account, region, count) VALUES (?, ?, ?)
                        ON CONFLICT (account, region) DO UPDATE SET count = key_count.count + excluded.count
                        """,
                    values: [
                        .text(realm.account.description), .text(realm.region.description), .integer(difference),
                    ])
            }
    }

    /// Counts the keys of a realm that are not AWS's, of which each realm has a few.
    static func customerKeys(in realm: Realm) -> Statement {
        let realm: [SQLValue] = [.text(realm.account.description), .text(realm.region.description)]
        return Statement(
            sql: """
                SELECT count - (SELECT count(*) FROM kms_key WHERE account = ? AND region = ? AND manager = 'AWS')
                FROM key_count WHERE account = ? AND region = ?
                """,
            values: realm + realm)
    }

    /// How many accounts and regions have another number of keys than their row says.
    static let mistakes = """
        SELECT count(*) FROM (
            SELECT account, region, count(*) AS count FROM kms_key GROUP BY account, region
        ) AS found FULL JOIN key_count ON key_count.account = found.account AND key_count.region = found.region
        WHERE coalesce(found.count, 0) <> coalesce(key_count.count, 0)
        """
}
