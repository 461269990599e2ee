import Foundation
import KMSModel
package import KMSStore

extension SQLConnection {
    /// Reads the whole store, each table once from front to back.
    package func readContents() throws -> StoreContents {
        var tags = try readTags()
        var contents = StoreContents(
            accounts: try records(.accounts), accessKeys: try records(.accessKeys),
            identities: try records(.identities), keys: try records(.keys),
            materials: try records(.materials), usages: try records(.usages), aliases: try records(.aliases),
            grants: try records(.grants),
            auditLines: try records(.auditLines)
        )
        for index in contents.keys.indices where !tags.isEmpty {
            if let own = tags.removeValue(forKey: contents.keys[index].arn) { contents.keys[index].tags = own }
        }
        contents.settings = try readSettings()
        return contents
    }

    /// Reads the settings, which are the same in every format, and nothing else.
    package func readSettings() throws -> [String: [UInt8]] {
        var settings: [String: [UInt8]] = [:]
        for (name, value) in try records(.settings) { settings[name] = value }
        return settings
    }

    private func readTags() throws -> [KeyARN: [Tag]] {
        var tags: [KeyARN: [Tag]] = [:]
        for (key, tag) in try records(.tags) { tags[key, default: []].append(tag) }
        return tags
    }

    private func records<Record>(_ table: Table<Record>) throws -> [Record] {
        var records: [Record] = []
        try forEachRow(table.query(on: self), []) { row in
            var reader = RowReader(row, of: table.name, keyColumnCount: table.keyColumnCount)
            records.append(try table.read(&reader))
        }
        return records
    }
}

/// What to select from a table and how to read its rows, in one place so that the two agree.
struct Table<Record> {
    let name: String
    /// The record's key first.
    let columns: String
    var keyColumnCount = 1
    /// Whether a wrapped secret is the last column.
    var hasSecrets = false
    var order: String?
    let read: (inout RowReader) throws(StoreError) -> Record

    func query(on connection: some SQLConnection) -> String {
        var (columns, source) = (columns, name)
        if hasSecrets {
            let secrets = connection.secrets(of: name)
            columns += ", \(secrets.column)"
            source += " \(secrets.join)"
        }
        return "SELECT \(columns) FROM \(source)" + (order.map { " ORDER BY \($0)" } ?? "")
    }
}

extension Table<KeyRecord> {
    static var keys: Self {
        Self(
            name: "kms_key",
            columns: """
                account, region, key_id, spec, usage, origin, manager, creation_date, primary_region, state,
                description, deletion_date, pending_window_in_days, policy, current_material, version,
                rotation_period_in_days, next_rotation_date
                """,
            keyColumnCount: 3
        ) { row throws(StoreError) in
            var key = KeyRecord(
                arn: try row.keyARN(), spec: try row.value(), usage: try row.value(), origin: try row.value(),
                manager: try row.value(), creationDate: try row.date(),
                primaryRegion: try row.optionallyParsed(Region.init), state: try row.value(),
                description: try row.text(), deletionDate: try row.optionalDate(),
                pendingWindowInDays: try row.optionalInteger().map(Int.init), policy: try row.text(),
                currentMaterial: try row.optionalMaterialID(), version: try row.integer()
            )
            if let period = try row.optionalInteger() {
                key.rotation = RotationSchedule(periodInDays: Int(period), nextRotation: try row.date())
            }
            return key
        }
    }
}

extension Table<(KeyARN, Tag)> {
    static var tags: Self {
        Self(
            name: "key_tag", columns: "account, region, key_id, tag_key, tag_value",
            keyColumnCount: 3, order: "account, region, key_id, ordinal"
        ) { row throws(StoreError) in
            (try row.keyARN(), Tag(key: try row.text(), value: try row.text()))
        }
    }
}

extension Table<MaterialRecord> {
    static var materials: Self {
        Self(
            name: "material",
            columns: """
                account, region, key_id, material_id, spec, creation_date, stage, rotation_date, valid_to, description,
                CASE WHEN secret IS NULL THEN 0 ELSE 1 END AS secret
                """,
            keyColumnCount: 3, hasSecrets: true, order: "ordinal"
        ) { row throws(StoreError) in
            let key = try row.keyARN()
            guard let id = try row.optionalMaterialID() else { throw row.damage() }
            let (spec, created): (KeySpec, Date) = (try row.value(), try row.date())
            let (stage, validTo, description) = (try row.stage(), try row.optionalDate(), try row.optionalText())
            return MaterialRecord(
                key: key, id: id, spec: spec, creationDate: created, wrapped: try row.secret(), stage: stage,
                validTo: validTo, description: description
            )
        }
    }
}

extension Table<KeyUsageRecord> {
    static var usages: Self {
        Self(
            name: "key_usage", columns: "account, region, key_id, operation, date, event_id, request_id",
            keyColumnCount: 3
        ) { row throws(StoreError) in
            KeyUsageRecord(
                key: try row.keyARN(), operation: try row.value(), date: try row.date(),
                eventID: try row.parsed { $0 }, requestID: try row.parsed { $0 }
            )
        }
    }
}

extension Table<AliasRecord> {
    static var aliases: Self {
        Self(
            name: "alias", columns: "account, region, name, creation_date, target, last_updated_date, version",
            keyColumnCount: 3
        ) { row throws(StoreError) in
            let realm = try row.realm()
            return AliasRecord(
                arn: AliasARN(realm: realm, name: try row.parsed(AliasName.init)), creationDate: try row.date(),
                target: try row.parsed(KeyID.init), lastUpdatedDate: try row.date(), version: try row.integer()
            )
        }
    }
}

extension Table<KeptAuditLines> {
    static var auditLines: Self {
        Self(name: "audit_outbox", columns: "event_id, lines", order: "ordinal") { row throws(StoreError) in
            KeptAuditLines(eventID: try row.parsed { $0 }, lines: try row.bytes())
        }
    }
}

extension Table<(String, [UInt8])> {
    static var settings: Self {
        Self(name: "setting", columns: "name, value") { row throws(StoreError) in
            (try row.text(), try row.bytes())
        }
    }
}

extension RowReader {
    fileprivate mutating func realm() throws(StoreError) -> Realm {
        Realm(account: try parsed(AccountID.init), region: try parsed(Region.init))
    }

    mutating func keyARN() throws(StoreError) -> KeyARN {
        let realm = try realm()
        return KeyARN(region: realm.region, account: realm.account, keyID: try parsed(KeyID.init))
    }

    /// Nil for a column without a value.
    fileprivate mutating func optionalMaterialID() throws(StoreError) -> KeyMaterialID? {
        guard let bytes = try optionalBytes() else { return nil }
        guard let id = KeyMaterialID(bytes: bytes) else { throw damage() }
        return id
    }

    /// The bytes of the record's secret, or nil when it has none.
    ///
    /// To have one that is not there is damage: the two columns are whether there is one and what is in it.
    fileprivate mutating func secret() throws(StoreError) -> [UInt8]? {
        let isThere = try flag()
        let wrapped = try optionalBytes()
        guard isThere == (wrapped != nil) else { throw damage() }
        return wrapped
    }

    fileprivate mutating func stage() throws(StoreError) -> MaterialStage {
        let name = try parsed { $0 }
        switch (name, RotationType(rawValue: name)) {
        case (_, let type?): return .rotated(at: try date(), by: type)
        case (MaterialRecord.Stage.pending, nil), (MaterialRecord.Stage.first, nil):
            guard try optionalDate() == nil else { throw damage() }
            return name == MaterialRecord.Stage.first ? .first : .pending
        default: throw damage()
        }
    }
}
