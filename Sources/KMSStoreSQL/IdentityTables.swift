import KMSModel
import KMSStore

// Accounts, their access keys, and their users, groups, roles and policies: how they become columns, and the way back.

extension Table<AccountRecord> {
    static var accounts: Self {
        Self(name: "account", columns: "id, partition, creation_date, version") { row throws(StoreError) in
            AccountRecord(
                id: try row.parsed(AccountID.init), partition: try row.parsed(Partition.init(rawValue:)),
                creationDate: try row.date(), version: try row.version()
            )
        }
    }
}

extension Table<AccessKeyRecord> {
    static var accessKeys: Self {
        Self(
            name: "access_key", columns: "id, account, user_id, creation_date, is_active", hasSecrets: true
        ) { row throws(StoreError) in
            AccessKeyRecord(
                id: try row.text(), account: try row.parsed(AccountID.init),
                user: try row.optionallyParsed(UniqueID.init), creationDate: try row.date(),
                isActive: try row.flag(), wrappedSecret: try row.bytes()
            )
        }
    }
}

extension Table<StoredIdentity> {
    static var identities: Self {
        Self(name: "identity", columns: "account, id, name, document", keyColumnCount: 2) { row throws(StoreError) in
            StoredIdentity(
                account: try row.parsed(AccountID.init), id: try row.parsed(UniqueID.init),
                foldedName: try row.parsed { $0 }, document: try row.bytes()
            )
        }
    }
}

extension SQLConnection {
    func insert(_ account: AccountRecord) throws {
        try execute(
            "INSERT INTO account (id, partition, creation_date, version) VALUES (?, ?, ?, ?)",
            [
                account.id.description, account.partition.rawValue, try Column.date(account.creationDate),
                account.version,
            ]
        )
    }

    func update(_ account: AccountRecord, expecting version: Int64) throws {
        guard account.version > version else { throw StoreError.conflict }
        try executeOnOne(
            "UPDATE account SET version = ? WHERE id = ? AND version = ?",
            [account.version, account.id.description, version]
        )
    }

    func insert(_ accessKey: AccessKeyRecord) throws {
        try execute(
            """
            INSERT INTO access_key (account, user_id, creation_date, is_active, secret, id) VALUES (?, ?, ?, ?, ?, ?)
            """,
            try accessKey.columns(secret: keep(accessKey.wrappedSecret))
        )
    }

    func update(_ accessKey: AccessKeyRecord) throws {
        try destroySecret(ofAccessKey: accessKey.id)
        try executeOnOne(
            "UPDATE access_key SET account = ?, user_id = ?, creation_date = ?, is_active = ?, secret = ? WHERE id = ?",
            try accessKey.columns(secret: keep(accessKey.wrappedSecret))
        )
    }

    func delete(accessKey id: String, of account: AccountID) throws {
        try destroySecret(ofAccessKey: id)
        try executeOnOne(
            "DELETE FROM access_key WHERE account = ? AND id = ?", [account.description, Column.text(id)])
    }

    private func destroySecret(ofAccessKey id: String) throws {
        try destroySecrets(of: "access_key", where: "id = ?", [Column.text(id)].sqlValues)
    }

    func put(_ identity: StoredIdentity) throws {
        try execute(
            """
            INSERT INTO identity (account, kind, id, name, document) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (account, id) DO UPDATE SET name = excluded.name, document = excluded.document
            """,
            [
                identity.account.description, identity.id.kind.rawValue, identity.id.description, identity.foldedName,
                Column.bytes(identity.document),
            ]
        )
    }

    func delete(_ identity: UniqueID, of account: AccountID) throws {
        try executeOnOne(
            "DELETE FROM identity WHERE account = ? AND id = ?", [account.description, identity.description]
        )
    }
}

extension AccessKeyRecord {
    /// Account, user, creation date, activity, secret, identifier.
    fileprivate func columns(secret: SQLValue) throws(StoreError) -> [Column.Value] {
        [account.description, user?.description, try Column.date(creationDate), isActive, secret, Column.text(id)]
    }
}
