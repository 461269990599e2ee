import KMSModel
import KMSStore

// Custom key stores: how they become columns, and the way back.

extension Table<CustomKeyStoreRecord> {
    static var keyStores: Self {
        Self(
            name: "key_store", columns: "account, region, id, version, document", keyColumnCount: 3, hasSecrets: true
        ) { row throws(StoreError) in
            let realm = try row.realm()
            let id = try row.parsed(CustomKeyStoreID.init)
            let (version, document, secret) = (try row.version(), try row.bytes(), try row.bytes())
            let record = try? CustomKeyStoreRecord(
                realm: realm, id: id, document: document, wrappedSecret: secret, version: version)
            guard let record else { throw row.damage() }
            return record
        }
    }
}

extension SQLConnection {
    func insert(_ store: CustomKeyStoreRecord) throws {
        try execute(
            "INSERT INTO key_store (version, document, secret, account, region, id) VALUES (?, ?, ?, ?, ?, ?)",
            try store.columns(secret: keep(store.wrappedSecret)))
    }

    func update(_ store: CustomKeyStoreRecord, expecting version: Int64) throws {
        guard store.version > version else { throw StoreError.conflict }
        try destroySecret(ofKeyStore: store.id, in: store.realm)
        try executeOnOne(
            """
            UPDATE key_store SET version = ?, document = ?, secret = ?
            WHERE account = ? AND region = ? AND id = ? AND version = ?
            """,
            try store.columns(secret: keep(store.wrappedSecret)) + [version])
    }

    func delete(_ id: CustomKeyStoreID, of realm: Realm, expecting version: Int64) throws {
        try destroySecret(ofKeyStore: id, in: realm)
        try executeOnOne(
            "DELETE FROM key_store WHERE account = ? AND region = ? AND id = ? AND version = ?",
            [realm.account.description, realm.region.description, id.description, version])
    }

    private func destroySecret(ofKeyStore id: CustomKeyStoreID, in realm: Realm) throws {
        let values: [Column.Value] = [realm.account.description, realm.region.description, id.description]
        try destroySecrets(
            of: "key_store", where: "account = ? AND region = ? AND id = ?", values.sqlValues)
    }
}

extension CustomKeyStoreRecord {
    /// Version, document, secret, account, region, identifier.
    fileprivate func columns(secret: SQLValue) throws -> [Column.Value] {
        [
            version, Column.bytes(try document()), secret, realm.account.description, realm.region.description,
            id.description,
        ]
    }
}
