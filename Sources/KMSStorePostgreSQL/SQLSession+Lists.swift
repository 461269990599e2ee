import Foundation
import KMSModel
import KMSStore
import KMSStoreSQL

// Lists, which a node does not have in memory.

extension SQLSession {
    func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) throws -> [KeyID] {
        try rows(
            "SELECT key_id FROM kms_key WHERE account = ? AND region = ? AND key_id > ? ORDER BY key_id LIMIT ?",
            [realm.account.description, realm.region.description, last?.description ?? "", limit]
        ) { try $0.parsed(KeyID.init) }
    }

    func aliases(in realm: Realm, after last: AliasName?, limit: Int) throws -> [AliasRecord] {
        try records(
            .aliases,
            where: Condition(
                "account = ? AND region = ? AND name > ?",
                [realm.account.description, realm.region.description, last?.description ?? ""]),
            order: "name", limit: limit)
    }

    func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) throws -> [GrantRecord] {
        try records(
            .grants,
            where: Condition(
                "retiring = ? AND region = ? AND (grant_id, key_id) > (?, ?)",
                [
                    Column.text(principal), region.description, Column.bytes(last?.id.bytes ?? []),
                    last?.key.keyID.description ?? "",
                ]),
            order: "grant_id, key_id", limit: limit)
    }

    func realms(of account: AccountID?) throws -> [Realm] {
        let all = "SELECT DISTINCT account, region FROM kms_key"
        let realm = { (row: inout RowReader) throws -> Realm in
            Realm(account: try row.parsed(AccountID.init), region: try row.parsed(Region.init))
        }
        guard let account else { return try rows(all, [], realm) }
        return try rows(all + " WHERE account = ?", [account.description], realm)
    }

    func customerKeyCount(in realm: Realm) throws -> Int {
        let counts = try rows(
            "SELECT count(*) FROM kms_key WHERE account = ? AND region = ? AND manager = ?",
            [realm.account.description, realm.region.description, KeyManager.customer.rawValue]
        ) { Int(try $0.integer()) }
        return counts.first ?? 0
    }

    func keyCounts() throws -> [KeyKind: Int] {
        let counts = try rows(
            "SELECT state, spec, origin, manager, count(*) FROM kms_key GROUP BY state, spec, origin, manager"
        ) { row in
            (
                KeyKind(
                    state: try row.value(), spec: try row.value(), origin: try row.value(), manager: try row.value()),
                Int(try row.integer())
            )
        }
        return Dictionary(counts) { $0 + $1 }
    }

    func next(_ event: KeyEvent, limit: Int) throws -> [KeyDue] {
        let key = "account, region, key_id"
        let due = { (row: inout RowReader) throws -> KeyDue in KeyDue(date: try row.date(), key: try row.keyARN()) }
        switch event {
        case .rotation:
            return try rows(
                """
                SELECT next_rotation_date, \(key) FROM kms_key WHERE next_rotation_date IS NOT NULL AND state = ?
                ORDER BY next_rotation_date, key_id, region LIMIT ?
                """, [KeyState.enabled.rawValue, limit], due)
        case .deletion:
            return try rows(
                """
                SELECT deletion_date, \(key) FROM kms_key WHERE deletion_date IS NOT NULL AND state = ?
                ORDER BY deletion_date, key_id, region LIMIT ?
                """, [KeyState.pendingDeletion.rawValue, limit], due)
        case .expiry:
            return try rows(
                """
                SELECT min(valid_to), \(key) FROM material WHERE valid_to IS NOT NULL AND secret IS NOT NULL
                GROUP BY \(key) ORDER BY 1, key_id, region LIMIT ?
                """, [limit], due)
        case .completion:
            return try rows(
                "SELECT \(key) FROM kms_key WHERE state IN (?, ?) ORDER BY key_id, region LIMIT ?",
                [KeyState.creating.rawValue, KeyState.updating.rawValue, limit]
            ) { KeyDue(date: .distantPast, key: try $0.keyARN()) }
        }
    }
}

// What nodes agree about.

extension SQLSession {
    func claim(_ lease: String, for holder: String, lasting duration: Duration) throws -> Bool {
        let length = Int64(duration / .milliseconds(1))
        return try run(
            """
            INSERT INTO lease (name, holder, expires) VALUES (?, ?, \(ServerClock.milliseconds) + ?)
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires
            WHERE lease.holder = excluded.holder OR lease.expires < \(ServerClock.milliseconds)
            """, [.text(lease), .text(holder), .integer(length)]) == 1
    }

    func heldLeases(beginning prefix: String) throws -> [String] {
        try rows("SELECT name FROM lease WHERE expires >= \(ServerClock.milliseconds) ORDER BY name") {
            try $0.parsed { $0 }
        }.filter { $0.hasPrefix(prefix) }
    }

    func adoptAuditLines(of other: String) throws -> [KeptAuditLines] {
        let adopted = try rows(
            "UPDATE audit_outbox SET node = ? WHERE node = ? RETURNING ordinal, event_id, lines", [node, other]
        ) { (try $0.integer(), KeptAuditLines(eventID: try $0.parsed { $0 }, lines: try $0.bytes())) }
        return adopted.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
