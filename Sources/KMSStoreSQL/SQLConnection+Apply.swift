import KMSModel
package import KMSStore

extension SQLConnection {
    /// Writes all of a change.
    package func apply(_ change: Change) throws {
        for mutation in change.mutations { try apply(mutation) }
    }

    /// Writes one step of a change.
    package func apply(_ mutation: Mutation) throws {
        switch mutation {
        case .insertKey(let key): try insert(key)
        case .updateKey(let key, let version): try update(key, expecting: version)
        case .deleteKey(let arn, let version): try delete(arn, expecting: version)
        case .insertMaterial(let material): try insert(material)
        case .updateMaterial(let material): try update(material)
        case .deleteMaterial(let arn, let id): try delete(id, of: arn)
        case .setUsage(let usage): try set(usage)
        case .insertAlias(let alias): try insert(alias)
        case .updateAlias(let alias, let version): try update(alias, expecting: version)
        case .deleteAlias(let arn, let version): try delete(arn, expecting: version)
        case .insertGrant(let grant): try insert(grant)
        case .deleteGrant(let arn, let id): try delete(id, of: arn)
        case .insertAccount(let account): try insert(account)
        case .updateAccount(let account, let version): try update(account, expecting: version)
        case .insertAccessKey(let accessKey): try insert(accessKey)
        case .updateAccessKey(let accessKey): try update(accessKey)
        case .deleteAccessKey(let account, let id): try delete(accessKey: id, of: account)
        case .putIdentity(let identity): try put(identity)
        case .deleteIdentity(let account, let id): try delete(id, of: account)
        case .insertKeyStore(let store): try insert(store)
        case .updateKeyStore(let store, let version): try update(store, expecting: version)
        case .deleteKeyStore(let realm, let id, let version): try delete(id, of: realm, expecting: version)
        case .keepAuditLines(let kept): try insert(kept)
        case .forgetAuditLines(let eventID): try execute("DELETE FROM audit_outbox WHERE event_id = ?", [eventID])
        case .insertSetting(let name, let value): try insert(name, value)
        case .setSetting(let name, let value), .noteSetting(let name, let value): try set(name, to: value)
        }
    }

    // MARK: Keys

    private func insert(_ key: KeyRecord) throws {
        try execute(
            """
            INSERT INTO kms_key (account, region, key_id, spec, usage, origin, manager, creation_date,
                primary_region, state, description, deletion_date, pending_window_in_days, policy, rotation_period_in_days,
                next_rotation_date, current_material, version, key_store, external_key)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            key.arn.columns + [
                key.spec.rawValue, key.usage.rawValue, key.origin.rawValue, key.manager.rawValue,
                try Column.date(key.creationDate),
            ] + key.changingColumns() + [key.customKeyStore?.description, key.externalKeyID?.description]
        )
        try insertTags(of: key)
    }

    private func update(_ key: KeyRecord, expecting version: Int64) throws {
        guard key.version > version else { throw StoreError.conflict }
        try executeOnOne(
            """
            UPDATE kms_key SET primary_region = ?, state = ?, description = ?, deletion_date = ?,
                pending_window_in_days = ?, policy = ?, rotation_period_in_days = ?, next_rotation_date = ?, current_material = ?, version = ?
            WHERE account = ? AND region = ? AND key_id = ? AND version = ?
            """,
            key.changingColumns() + key.arn.columns + [version]
        )
        try execute("DELETE FROM key_tag WHERE account = ? AND region = ? AND key_id = ?", key.arn.columns)
        try insertTags(of: key)
    }

    private func insertTags(of key: KeyRecord) throws {
        for (ordinal, tag) in key.tags.enumerated() {
            try execute(
                """
                INSERT INTO key_tag (account, region, key_id, ordinal, tag_key, tag_value) VALUES (?, ?, ?, ?, ?, ?)
                """,
                key.arn.columns + [ordinal, Column.text(tag.key), Column.text(tag.value)]
            )
        }
    }

    private func delete(_ key: KeyARN, expecting version: Int64) throws {
        try destroyMaterial(of: key)
        try executeOnOne(
            "DELETE FROM kms_key WHERE account = ? AND region = ? AND key_id = ? AND version = ?",
            key.columns + [version]
        )
    }

    // MARK: Material

    private func insert(_ material: MaterialRecord) throws {
        try execute(
            """
            INSERT INTO material (account, region, key_id, material_id, spec, creation_date, stage, rotation_date,
                valid_to, description, secret)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            material.key.columns + [
                Column.bytes(material.id.bytes), material.spec.rawValue, try Column.date(material.creationDate),
            ] + material.changingColumns(secret: material.wrapped.map(keep))
        )
    }

    private func update(_ material: MaterialRecord) throws {
        try destroyMaterial(material.id, of: material.key)
        try executeOnOne(
            """
            UPDATE material SET stage = ?, rotation_date = ?, valid_to = ?, description = ?, secret = ?
            WHERE account = ? AND region = ? AND key_id = ? AND material_id = ?
            """,
            material.changingColumns(secret: material.wrapped.map(keep)) + material.key.columns
                + [Column.bytes(material.id.bytes)]
        )
    }

    private func delete(_ material: KeyMaterialID, of key: KeyARN) throws {
        try destroyMaterial(material, of: key)
        try executeOnOne(
            "DELETE FROM material WHERE account = ? AND region = ? AND key_id = ? AND material_id = ?",
            key.columns + [Column.bytes(material.bytes)]
        )
    }

    // MARK: Use

    private func set(_ usage: KeyUsageRecord) throws {
        try execute(
            """
            INSERT INTO key_usage (account, region, key_id, operation, date, event_id, request_id)
            SELECT account, region, key_id, ?, ?, ?, ? FROM kms_key
            WHERE account = ? AND region = ? AND key_id = ? AND creation_date <= ?
            ON CONFLICT (account, region, key_id) DO UPDATE SET operation = excluded.operation, date = excluded.date,
                event_id = excluded.event_id, request_id = excluded.request_id
            WHERE key_usage.date <= excluded.date
            """,
            usage.columns() + usage.key.columns + [try Column.date(usage.date)]
        )
    }

    // MARK: Aliases

    private func insert(_ alias: AliasRecord) throws {
        try execute(
            """
            INSERT INTO alias (account, region, name, creation_date, target, last_updated_date, version)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            alias.arn.columns + [
                try Column.date(alias.creationDate), alias.target.description, try Column.date(alias.lastUpdatedDate),
                alias.version,
            ]
        )
    }

    private func update(_ alias: AliasRecord, expecting version: Int64) throws {
        guard alias.version > version else { throw StoreError.conflict }
        try executeOnOne(
            """
            UPDATE alias SET target = ?, last_updated_date = ?, version = ?
            WHERE account = ? AND region = ? AND name = ? AND version = ?
            """,
            [alias.target.description, try Column.date(alias.lastUpdatedDate), alias.version]
                + alias.arn.columns + [version]
        )
    }

    private func delete(_ alias: AliasARN, expecting version: Int64) throws {
        try executeOnOne(
            "DELETE FROM alias WHERE account = ? AND region = ? AND name = ? AND version = ?",
            alias.columns + [version]
        )
    }

    // MARK: Audit lines

    private func insert(_ kept: KeptAuditLines) throws {
        guard let node else {
            try execute(
                "INSERT INTO audit_outbox (event_id, lines) VALUES (?, ?)", [kept.eventID, Column.bytes(kept.lines)])
            return
        }
        try execute(
            "INSERT INTO audit_outbox (event_id, lines, node) VALUES (?, ?, ?)",
            [kept.eventID, Column.bytes(kept.lines), node])
    }

    // MARK: Grants

    private func insert(_ grant: GrantRecord) throws {
        try execute(
            """
            INSERT INTO key_grant (account, region, key_id, grant_id, name, creation_date, grantee, retiring, issuer,
                operations, context_equals, context_subset)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            grant.key.columns + grant.columns()
        )
    }

    private func delete(_ grant: GrantID, of key: KeyARN) throws {
        try executeOnOne(
            "DELETE FROM key_grant WHERE account = ? AND region = ? AND key_id = ? AND grant_id = ?",
            key.columns + [Column.bytes(grant.bytes)]
        )
    }

    // MARK: Settings

    private func insert(_ name: String, _ value: [UInt8]) throws {
        try execute(
            "INSERT INTO setting (name, value) VALUES (?, ?)", [Column.text(name), Column.bytes(value)])
    }

    private func set(_ name: String, to value: [UInt8]) throws {
        try execute(
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [Column.text(name), Column.bytes(value)]
        )
    }

    // MARK: Secrets

    private func destroyMaterial(of key: KeyARN) throws {
        try destroySecrets(
            of: "material", where: "account = ? AND region = ? AND key_id = ?", key.columns.sqlValues)
    }

    private func destroyMaterial(_ material: KeyMaterialID, of key: KeyARN) throws {
        try destroySecrets(
            of: "material", where: "account = ? AND region = ? AND key_id = ? AND material_id = ?",
            (key.columns + [Column.bytes(material.bytes)]).sqlValues
        )
    }

    // MARK: Statements

    @discardableResult
    func execute(_ sql: String, _ values: [Column.Value]) throws -> Int {
        try run(sql, values.sqlValues)
    }

    /// Runs a statement that must find the one row it was made for.
    func executeOnOne(_ sql: String, _ values: [Column.Value]) throws {
        try runOnOne(sql, values.sqlValues)
    }
}

extension [Column.Value] {
    var sqlValues: [SQLValue] { map { $0?.sqlValue ?? .null } }
}
