import Foundation
import GRDB
import KMSModel
import KMSStore

/// The order in which records changed: what the nodes of a shared store will poll to learn of each other's changes.
///
/// An entry says which record to read again, not what is in it, so that entries hold nothing worth protecting and any
/// number of them about one record amount to the last. A key's entry stands for its tags and material too, and the
/// deletion of a key for that of its aliases.
struct ChangeFeed {
    /// How many of the newest entries are kept; a reader that fell further behind reads everything again.
    static let retainedCount: Int64 = 10_000

    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    /// The last position given, whether or not its entry is still kept; zero before the first.
    func lastPosition() throws -> Int64 {
        let statement = try database.cachedStatement(sql: "SELECT seq FROM sqlite_sequence WHERE name = 'change'")
        return try Int64.fetchOne(statement) ?? 0
    }

    /// Adds an entry for each record that `change` touches, and answers the position of the last.
    func append(_ change: Change) throws -> Int64 {
        var entries: [Entry] = []
        var seen: Set<Entry> = []
        for mutation in change.mutations {
            guard let entry = Entry(of: mutation) else { continue }
            if seen.insert(entry).inserted { entries.append(entry) }
        }
        let insertion = try database.cachedStatement(
            sql: "INSERT INTO change (account, region, kind, record) VALUES (?, ?, ?, ?)"
        )
        for entry in entries { try insertion.execute(arguments: entry.arguments) }
        let position = try lastPosition()
        try database.cachedStatement(sql: "DELETE FROM change WHERE position <= ?")
            .execute(arguments: [position - Self.retainedCount])
        return position
    }

    private struct Entry: Hashable {
        var realm: Realm?
        var account: AccountID?
        let kind: String
        let record: [UInt8]

        /// Nil for what no other node has to know at once.
        init?(of mutation: Mutation) {
            switch mutation {
            case .insertKey(let key), .updateKey(let key, _): self.init(key.arn)
            case .deleteKey(let arn, _), .deleteMaterial(let arn, _): self.init(arn)
            case .insertMaterial(let material), .updateMaterial(let material): self.init(material.key)
            case .insertGrant(let grant): self.init(grant.key)
            case .deleteGrant(let arn, _): self.init(arn)
            case .setUsage, .keepAuditLines, .forgetAuditLines, .noteSetting: return nil
            case .insertAlias(let alias), .updateAlias(let alias, _): self.init(alias.arn)
            case .deleteAlias(let arn, _): self.init(arn)
            case .insertAccount(let account), .updateAccount(let account, _):
                self.init("account", account.id.description, account: account.id)
            case .insertAccessKey(let accessKey), .updateAccessKey(let accessKey):
                self.init("access-key", accessKey.id, account: accessKey.account)
            case .deleteAccessKey(let account, let id): self.init("access-key", id, account: account)
            case .putIdentity(let identity):
                self.init("identity", identity.id.description, account: identity.account)
            case .deleteIdentity(let account, let id): self.init("identity", id.description, account: account)
            case .setSetting(let name, _): self.init("setting", name)
            }
        }

        private init(_ key: KeyARN) { self.init("key", key.keyID.description, realm: key.realm) }

        private init(_ alias: AliasARN) { self.init("alias", alias.name.description, realm: alias.realm) }

        private init(_ kind: String, _ record: String, realm: Realm? = nil, account: AccountID? = nil) {
            self.kind = kind
            self.record = Array(record.utf8)
            self.realm = realm
            self.account = account ?? realm?.account
        }

        var arguments: StatementArguments {
            [account?.description, realm?.region.description, kind, Data(record)]
        }
    }
}
