import Foundation
import GRDB
import KMSModel
import KMSStore

/// Reads the whole store, each table once from front to back, inside one transaction.
struct ContentsReader {
    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    func read() throws -> StoreContents {
        var tags = try readTags()
        var contents = StoreContents(
            accounts: try records(.accounts), accessKeys: try records(.accessKeys),
            identities: try records(.identities), keys: try records(.keys),
            materials: try records(.materials), usages: try records(.usages), aliases: try records(.aliases),
            grants: try records(.grants),
            auditLines: try records(.auditLines), position: try ChangeFeed(database).lastPosition()
        )
        for index in contents.keys.indices where !tags.isEmpty {
            if let own = tags.removeValue(forKey: contents.keys[index].arn) { contents.keys[index].tags = own }
        }
        contents.settings = try readSettings()
        return contents
    }

    /// Reads the settings, which are the same in every format, and nothing else.
    func readSettings() throws -> [String: [UInt8]] {
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
        let rows = try Row.fetchCursor(database, sql: "SELECT \(table.columns) FROM \(table.name) \(table.rest)")
        while let row = try rows.next() {
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
    /// What follows the name of the table.
    ///
    /// Joins keep rows that match nothing: a record that lost its secret is damage, not something to pass over.
    var rest = ""
    let read: (inout RowReader) throws(StoreError) -> Record
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
            keyColumnCount: 3, rest: "ORDER BY account, region, key_id, ordinal"
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
                account, region, key_id, material_id, spec, creation_date, secret, wrapped, stage, rotation_date,
                valid_to, description
                """,
            keyColumnCount: 3, rest: "LEFT JOIN secret ON slot = secret ORDER BY ordinal"
        ) { row throws(StoreError) in
            let key = try row.keyARN()
            guard let id = try row.optionalMaterialID() else { throw row.damage() }
            return MaterialRecord(
                key: key, id: id, spec: try row.value(), creationDate: try row.date(), wrapped: try row.secret(),
                stage: try row.stage(), validTo: try row.optionalDate(), description: try row.optionalText()
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
        Self(name: "audit_outbox", columns: "event_id, lines", rest: "ORDER BY ordinal") { row throws(StoreError) in
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

    /// The bytes in the slot that the record names, or nil when it names none.
    ///
    /// A slot that is not there is damage: the two columns are the slot's number and what is in it.
    fileprivate mutating func secret() throws(StoreError) -> [UInt8]? {
        let slot = try optionalInteger()
        let wrapped = try optionalBytes()
        guard (slot == nil) == (wrapped == nil) else { throw damage() }
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
