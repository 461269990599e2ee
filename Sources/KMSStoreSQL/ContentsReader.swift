import Foundation
package import KMSModel
package import KMSStore

extension SQLConnection {
    /// Reads the whole store, each table once from front to back.
    package func readContents() throws -> StoreContents {
        var contents = try readFrame()
        try readKeys(into: &contents, where: nil)
        contents.grants = try records(.grants)
        return contents
    }

    /// Reads keys and what belongs to them, each table once from front to back, and shows some thousand records at a time.
    ///
    /// What keys are made of comes before them.
    package func readKeys(_ show: (StoreContents) -> Void) throws {
        try showRecords(.materials) { show(StoreContents(materials: $0)) }
        try showRecords(.usages) { show(StoreContents(usages: $0)) }
        var tags = try readTags()
        try showRecords(.keys) { keys in
            var keys = keys
            Self.give(&tags, to: &keys)
            show(StoreContents(keys: keys))
        }
        try showRecords(.aliases) { show(StoreContents(aliases: $0)) }
        try showRecords(.grants) { show(StoreContents(grants: $0)) }
    }

    /// Reads what there is beside keys and what belongs to them.
    package func readFrame() throws -> StoreContents {
        StoreContents(
            accounts: try records(.accounts), accessKeys: try records(.accessKeys),
            identities: try records(.identities), keyStores: try records(.keyStores),
            auditLines: try records(.auditLines, where: node.map { Condition("node = ?", [$0]) }),
            settings: try readSettings()
        )
    }

    /// Reads an account with all that is in it, and nothing else.
    package func readAccount(_ id: AccountID) throws -> StoreContents {
        let name = id.description
        return StoreContents(
            accounts: try records(.accounts, where: Condition("id = ?", [name])),
            accessKeys: try records(.accessKeys, where: Condition("account = ?", [name])),
            identities: try records(.identities, where: Condition("account = ?", [name])),
            keyStores: try records(.keyStores, where: Condition("account = ?", [name]))
        )
    }

    /// Reads the keys of these identifiers, with what belongs to them.
    package func readKeys(_ ids: [KeyID], withGrants: Bool = true) throws -> [StoredKey] {
        guard !ids.isEmpty else { return [] }
        // As many marks as the next power of two: so there are few statements to prepare.
        var names = ids.map(\.description)
        while names.count & (names.count - 1) != 0 { names.append(names[0]) }
        let marks = Array(repeating: "?", count: names.count).joined(separator: ", ")
        // What belongs to a key has no index by the identifier alone.
        let found = "(SELECT account, region, key_id FROM kms_key WHERE key_id IN (\(marks)))"
        let condition = Condition(
            "(account, region, key_id) IN \(found)", onAliases: "(account, region, target) IN \(found)", names)
        var contents = StoreContents()
        try readKeys(into: &contents, where: condition)
        if withGrants { contents.grants = try records(.grants, where: condition) }
        return contents.storedKeys
    }

    /// Reads at most `limit` keys behind `last`, with what belongs to them, in the order of account, region and identifier.
    ///
    /// The first comes with all of its grants; those behind it only as far as there are not too many in all.
    package func readKeys(after last: KeyARN?, limit: Int) throws -> [StoredKey] {
        let values = last?.columns ?? ["", "", ""]
        // Asked for by the same question in each table, so that nothing has to be known before. The number is in the text, or
        // PostgreSQL would expect far more and go through whole tables.
        func condition(_ rows: String) -> Condition {
            let page = """
                (SELECT account, region, key_id FROM kms_key WHERE (account, region, key_id) > (?, ?, ?)
                ORDER BY account, region, key_id \(rows))
                """
            return Condition(
                "(account, region, key_id) IN \(page)", onAliases: "(account, region, target) IN \(page)", values)
        }
        var contents = StoreContents()
        try readKeys(into: &contents, where: condition("LIMIT \(limit)"))
        contents.grants = try records(.grants, where: condition("LIMIT 1"))
        let others = try records(
            .grants, where: condition("LIMIT \(limit - 1) OFFSET 1"), order: "account, region, key_id",
            limit: Self.mostGrantsOfPage + 1)
        contents.grants += others
        let keys = contents.storedKeys.sorted { $0.record.arn.isBefore($1.record.arn) }
        guard others.count > Self.mostGrantsOfPage, let cut = others.last?.key else { return keys }
        return Array(keys.prefix { $0.record.arn.isBefore(cut) })
    }

    /// How many grants are read with a page of keys, besides those on the first of them.
    private static var mostGrantsOfPage: Int { 5000 }

    /// Reads keys and what belongs to them but grants.
    private func readKeys(into contents: inout StoreContents, where condition: Condition?) throws {
        var tags = try readTags(where: condition)
        contents.keys = try records(.keys, where: condition)
        Self.give(&tags, to: &contents.keys)
        contents.materials = try records(.materials, where: condition)
        contents.usages = try records(.usages, where: condition)
        contents.aliases = try records(.aliases, where: condition?.onAliases)
    }

    private func readTags(where condition: Condition? = nil) throws -> [KeyARN: [Tag]] {
        var tags: [KeyARN: [Tag]] = [:]
        for (key, tag) in try records(.tags, where: condition) { tags[key, default: []].append(tag) }
        return tags
    }

    private static func give(_ tags: inout [KeyARN: [Tag]], to keys: inout [KeyRecord]) {
        for index in keys.indices where !tags.isEmpty {
            if let own = tags.removeValue(forKey: keys[index].arn) { keys[index].tags = own }
        }
    }

    /// Reads the settings, which are the same in every format, and nothing else.
    package func readSettings() throws -> [String: [UInt8]] {
        var settings: [String: [UInt8]] = [:]
        for (name, value) in try records(.settings) { settings[name] = value }
        return settings
    }

    /// Reads the rows of a table that fulfil a condition.
    ///
    /// - Parameter order: Instead of the table's own.
    package func records<Record>(
        _ table: Table<Record>, where condition: Condition? = nil, order: String? = nil, limit: Int? = nil
    ) throws -> [Record] {
        var records: [Record] = []
        try forEachRecord(table, where: condition, order: order, limit: limit) { records.append($0) }
        return records
    }

    /// How many records are shown at a time.
    private static var pieceCount: Int { 5000 }

    /// Reads a table, and shows some of its records at a time.
    private func showRecords<Record>(_ table: Table<Record>, _ show: ([Record]) -> Void) throws {
        var piece: [Record] = []
        try forEachRecord(table) { record in
            if piece.isEmpty { piece.reserveCapacity(Self.pieceCount) }
            piece.append(record)
            guard piece.count == Self.pieceCount else { return }
            show(piece)
            piece = []
        }
        show(piece)
    }

    private func forEachRecord<Record>(
        _ table: Table<Record>, where condition: Condition? = nil, order: String? = nil, limit: Int? = nil,
        _ body: (consuming Record) -> Void
    ) throws {
        let sql = table.query(on: self, where: condition, order: order, isLimited: limit != nil)
        var values = condition?.values.sqlValues ?? []
        if let limit { values.append(limit.sqlValue) }
        var last: RowReader?
        try forEachRow(sql, values) { row in
            var reader = last.take() ?? RowReader(row, of: table.name, keyColumnCount: table.keyColumnCount)
            reader.turn(to: row)
            body(try table.read(&reader))
            last = reader
        }
    }
}

/// Which rows of a table are read.
package struct Condition: Sendable {
    /// With a `?` for each value.
    let text: String
    let values: [Column.Value]
    /// The same of aliases, which have the key's identifier in another column.
    private let textOnAliases: String?

    /// - Parameter onAliases: The same of aliases; by default with the column that has the key's identifier there.
    package init(_ text: String, onAliases: String? = nil, _ values: [Column.Value]) {
        self.text = text
        self.values = values
        textOnAliases = onAliases
    }

    fileprivate var onAliases: Condition {
        Condition(textOnAliases ?? text.replacing("key_id", with: "target"), values)
    }
}

extension KeyARN {
    /// Whether this one comes first in the order of account, region and identifier.
    fileprivate func isBefore(_ other: KeyARN) -> Bool {
        (account.description, region.description, keyID.description)
            < (other.account.description, other.region.description, other.keyID.description)
    }
}

/// What to select from a table and how to read its rows, in one place so that the two agree.
package struct Table<Record> {
    let name: String
    /// The record's key first.
    let columns: String
    var keyColumnCount = 1
    /// Whether a wrapped secret is the last column.
    var hasSecrets = false
    var order: String?
    let read: (inout RowReader) throws(StoreError) -> Record

    func query(on connection: some SQLConnection, where condition: Condition?, order: String?, isLimited: Bool)
        -> String
    {
        var (columns, source) = (columns, name)
        if hasSecrets {
            let secrets = connection.secrets(of: name)
            columns += ", \(secrets.column)"
            source += " \(secrets.join)"
        }
        var query = "SELECT \(columns) FROM \(source)"
        if let condition { query += " WHERE \(condition.text)" }
        if let order = order ?? self.order { query += " ORDER BY \(order)" }
        if isLimited { query += " LIMIT ?" }
        return query
    }
}

extension Table<KeyRecord> {
    package static var keys: Self {
        Self(
            name: "kms_key",
            columns: """
                account, region, key_id, spec, usage, origin, manager, key_store, external_key, creation_date,
                primary_region, state,
                description, deletion_date, pending_window_in_days, policy,
                rotation_period_in_days, next_rotation_date, current_material, version
                """,
            keyColumnCount: 3
        ) { row throws(StoreError) in
            KeyRecord(
                arn: try row.keyARN(), spec: try row.keySpec(), usage: try row.value(), origin: try row.value(),
                manager: try row.value(), customKeyStore: try row.optionallyParsed(CustomKeyStoreID.init),
                externalKeyID: try row.optionallyParsed { ExternalKeyID($0) },
                creationDate: try row.date(), primaryRegion: try row.optionallyParsed(Region.init),
                state: try row.value(),
                description: try row.text(), deletionDate: try row.optionalDate(),
                pendingWindowInDays: try row.optionalInteger().map(Int.init), policy: try row.repeatedText(),
                rotation: try row.rotation(), currentMaterial: try row.optionalMaterialID(), version: try row.version()
            )
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
            let (spec, created) = (try row.keySpec(), try row.date())
            let (stage, validTo, description) = (try row.stage(), try row.optionalDate(), try row.optionalText())
            return MaterialRecord(
                key: key, id: id, spec: spec, creationDate: created, wrapped: try row.secret(), stage: stage,
                validTo: validTo, description: description
            )
        }
    }
}

extension Table<KeyUsageRecord> {
    /// The last use of each key.
    package static var usages: Self {
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
    package static var aliases: Self {
        Self(
            name: "alias", columns: "account, region, name, creation_date, target, last_updated_date, version",
            keyColumnCount: 3
        ) { row throws(StoreError) in
            let realm = try row.realm()
            return AliasRecord(
                arn: AliasARN(realm: realm, name: try row.parsed(AliasName.init)), creationDate: try row.date(),
                target: try row.parsed(KeyID.init), lastUpdatedDate: try row.date(), version: try row.version()
            )
        }
    }
}

extension Table<KeptAuditLines> {
    /// Audit lines of changes.
    package static var auditLines: Self {
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
    mutating func keyARN() throws(StoreError) -> KeyARN {
        let realm = try realm()
        return KeyARN(region: realm.region, account: realm.account, keyID: try parsed(KeyID.init))
    }

    /// The next two columns as a schedule; nil when there is none.
    fileprivate mutating func rotation() throws(StoreError) -> RotationSchedule? {
        let period = try optionalInteger()
        guard let period else {
            guard try optionalDate() == nil else { throw damage() }
            return nil
        }
        return RotationSchedule(periodInDays: Int(period), nextRotation: try date())
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
