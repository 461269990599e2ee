import Foundation
package import KMSModel
package import KMSStore
import KMSStoreSQL

extension PostgreSQLStore {
    // MARK: Single records

    package func keys(_ ids: [KeyID]) async throws(StoreError) -> [StoredKey] {
        var keys: [StoredKey] = []
        var rest = Set(ids).sorted()[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.longestList))
            keys += try await snapshot { connection in try connection.readKeys(part) }
            rest = rest.dropFirst(Self.longestList)
        }
        return keys
    }

    static let longestList = 64

    /// The same identifiers, the last of them several times if need be, so that their number is one of a few: for each number
    /// there is another statement.
    static func padded<ID>(_ ids: [ID]) -> [ID] {
        guard let last = ids.last else { return [] }
        var count = 1
        while count < ids.count { count *= 2 }
        return ids + Array(repeating: last, count: count - ids.count)
    }

    package func alias(_ arn: AliasARN) async throws(StoreError) -> AliasRecord? {
        let condition = Condition(
            "account = ? AND region = ? AND name = ?",
            [arn.realm.account.description, arn.realm.region.description, arn.name.description])
        return try await withConnection { connection in try connection.records(.aliases, where: condition).first }
    }

    package func account(_ id: AccountID) async throws(StoreError) -> StoreContents {
        try await snapshot { connection in try connection.readAccount(id) }
    }

    package func settings() async throws(StoreError) -> [String: [UInt8]] {
        try await withConnection { connection in try connection.readSettings() }
    }

    // MARK: Lists

    package func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) async throws(StoreError) -> [KeyID] {
        let query = Statement(
            sql: """
                SELECT key_id FROM kms_key WHERE account = ? AND region = ? AND key_id > ? ORDER BY key_id LIMIT ?
                """,
            values: realm.values + [.text(last?.description ?? ""), .integer(Int64(limit))])
        return try await rows(of: query) { row throws(StoreError) in try row.parsed(0, KeyID.init) }
    }

    package func aliases(in realm: Realm, after last: AliasName?, limit: Int) async throws(StoreError) -> [AliasRecord]
    {
        let condition = Condition(
            "account = ? AND region = ? AND name > ?",
            [realm.account.description, realm.region.description, last?.description ?? ""])
        return try await withConnection { connection in
            try connection.records(.aliases, where: condition, order: "name", limit: limit)
        }
    }

    package func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) async throws(StoreError) -> [GrantRecord] {
        let condition = Condition(
            "region = ? AND retiring = ? AND (grant_id, key_id) > (?, ?)",
            [region.description, Array(principal.utf8), last?.id.bytes ?? [], last?.key.keyID.description ?? ""])
        return try await withConnection { connection in
            try connection.records(.grants, where: condition, order: "grant_id, key_id", limit: limit)
        }
    }

    /// Each is found by itself behind the last: to go through all keys would take longer.
    package func realms(of account: AccountID?) async throws(StoreError) -> [Realm] {
        let (sql, first) =
            account.map { account in
                ("account = ? AND region > ?", [SQLValue.text(account.description)])
            } ?? ("(account, region) > (?, ?)", [SQLValue.text("")])
        return try await withConnection { connection in
            var realms: [Realm] = []
            var values = first + [.text("")]
            while true {
                let query = Statement(
                    sql: "SELECT account, region FROM kms_key WHERE \(sql) ORDER BY account, region LIMIT 1",
                    values: values)
                let found = try connection.run([query]).first?.map { row throws(StoreError) in
                    Realm(account: try row.parsed(0, AccountID.init), region: try row.parsed(1, Region.init))
                }
                guard let realm = found?.first else { return realms }
                realms.append(realm)
                values = realm.values
            }
        }
    }

    package func customerKeyCount(in realm: Realm) async throws(StoreError) -> Int {
        try await rows(of: KeyCount.customerKeys(in: realm)) { row throws(StoreError) in Int(try row.integer(0)) }.first
            ?? 0
    }

    package func keyCount(in realm: Realm, keptIn store: CustomKeyStoreID) async throws(StoreError) -> Int {
        let query = Statement(
            sql: "SELECT count(*) FROM kms_key WHERE account = ? AND region = ? AND key_store = ?",
            values: [
                .text(realm.account.description), .text(realm.region.description), .text(store.description),
            ])
        return try await rows(of: query) { row throws(StoreError) in Int(try row.integer(0)) }.first ?? 0
    }

    package func hasKey(
        in realm: Realm, keptIn store: CustomKeyStoreID, behind id: ExternalKeyID
    ) async throws(StoreError) -> Bool {
        let query = Statement(
            sql: "SELECT 1 FROM kms_key WHERE account = ? AND region = ? AND key_store = ? AND external_key = ?",
            values: [
                .text(realm.account.description), .text(realm.region.description), .text(store.description),
                .text(id.description),
            ])
        return try await !rows(of: query) { row throws(StoreError) in try row.integer(0) }.isEmpty
    }

    package func keyCounts() async throws(StoreError) -> [KeyKind: Int] {
        let query = Statement(
            sql: """
                SELECT state, spec, origin, manager, count(*) FROM kms_key GROUP BY state, spec, origin, manager
                """)
        let counts = try await rows(of: query, patience: Self.longPatience) { row throws(StoreError) in
            let kind = KeyKind(
                state: try row.parsed(0, KeyState.init(rawValue:)), spec: try row.parsed(1, KeySpec.init(rawValue:)),
                origin: try row.parsed(2, KeyOrigin.init(rawValue:)),
                manager: try row.parsed(3, KeyManager.init(rawValue:)))
            return (kind, Int(try row.integer(4)))
        }
        return Dictionary(counts) { $0 + $1 }
    }

    // MARK: What is due

    package func next(_ event: KeyEvent, limit: Int) async throws(StoreError) -> [KeyDue] {
        if event == .expiry { return try await nextExpiries(limit: limit) }
        // The states are in the text, and not values, so that the server sees that an index has just these keys.
        let (date, condition) =
            switch event {
            case .rotation: ("next_rotation_date", "state = 'Enabled' AND next_rotation_date IS NOT NULL")
            case .deletion: ("deletion_date", "state = 'PendingDeletion' AND deletion_date IS NOT NULL")
            case .completion, .expiry: ("creation_date", "state IN ('Creating', 'Updating')")
            }
        let order = event == .completion ? "key_id, region" : "\(date), key_id, region"
        let query = Statement(
            sql: "SELECT account, region, key_id, \(date) FROM kms_key WHERE \(condition) ORDER BY \(order) LIMIT ?",
            values: [.integer(Int64(limit))])
        return try await rows(of: query) { row throws(StoreError) in
            let due = try KeyDue(row)
            return event == .completion ? KeyDue(date: .distantPast, key: due.key) : due
        }
    }

    /// A key counts once, with the first of its material that ends.
    private func nextExpiries(limit: Int) async throws(StoreError) -> [KeyDue] {
        guard limit > 0 else { return [] }
        let start: [SQLValue] = [.integer(-1), .text(""), .text(""), .bytes([])]
        return try await withConnection { connection in
            var (found, seen): ([KeyDue], Set<KeyARN>) = ([], [])
            var last = start
            while true {
                let query = Statement(
                    sql: """
                        SELECT account, region, key_id, valid_to, material_id FROM material
                        WHERE valid_to IS NOT NULL AND secret IS NOT NULL
                            AND (valid_to, key_id, region, material_id) > (?, ?, ?, ?)
                        ORDER BY valid_to, key_id, region, material_id LIMIT ?
                        """,
                    values: last + [.integer(Int64(limit))])
                guard let result = try connection.run([query]).first else { return found }
                for row in 0..<result.rowCount {
                    let due = try KeyDue(QueryResult.Row(result: result, index: row))
                    if seen.insert(due.key).inserted { found.append(due) }
                }
                guard found.count < limit, result.rowCount == limit else { return Array(found.prefix(limit)) }
                last = [3, 2, 1, 4].map { result.value(row: result.rowCount - 1, column: $0) }
            }
        }
    }

    /// What `read` makes of each row that a query finds.
    func rows<Value: Sendable>(
        of query: Statement, from pool: ConnectionPool? = nil, patience: Duration? = nil,
        _ read: @escaping @Sendable (QueryResult.Row) throws(StoreError) -> Value
    ) async throws(StoreError) -> [Value] {
        try await withConnection(of: pool, patience: patience) { connection in
            try connection.run([query]).first?.map(read) ?? []
        }
    }
}

extension Realm {
    fileprivate var values: [SQLValue] { [.text(account.description), .text(region.description)] }
}

extension KeyDue {
    /// Account, region, key identifier, date.
    fileprivate init(_ row: QueryResult.Row) throws(StoreError) {
        let realm = Realm(account: try row.parsed(0, AccountID.init), region: try row.parsed(1, Region.init))
        self.init(
            date: Date(timeIntervalSince1970: Double(try row.integer(3)) / 1000),
            key: KeyARN(realm: realm, keyID: try row.parsed(2, KeyID.init)))
    }
}
