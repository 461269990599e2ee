package import KMSModel

/// What a change is about, as far as others have to read it again.
package enum ChangedRecord: Hashable, Sendable {
    /// A key, or what belongs to it: its tags, material and aliases; its grants are named one by one.
    case key(KeyARN)
    /// A key that was removed, with its grants: there may be another of the same name by now.
    case deletedKey(KeyARN)
    /// A grant on a key that was added or removed.
    case grant(KeyARN, GrantID)
    /// An alias; the key that it points to now is named beside it, and the one that it pointed to before is not.
    case alias(AliasARN)
    /// An account, or anybody in it.
    case account(AccountID)
    case setting(String)
}

extension Change {
    /// Every record that the change is about, each once.
    package var changedRecords: [ChangedRecord] {
        var seen: Set<ChangedRecord> = []
        return mutations.flatMap(\.changedRecords).filter { seen.insert($0).inserted }
    }
}

extension Mutation {
    /// Empty for what nobody else has to know at once.
    fileprivate var changedRecords: [ChangedRecord] {
        switch self {
        case .insertKey(let key), .updateKey(let key, _): [.key(key.arn)]
        case .deleteKey(let arn, _): [.deletedKey(arn)]
        case .deleteMaterial(let arn, _): [.key(arn)]
        case .insertMaterial(let material), .updateMaterial(let material): [.key(material.key)]
        case .insertGrant(let grant): [.grant(grant.key, grant.id)]
        case .deleteGrant(let arn, let id): [.grant(arn, id)]
        case .insertAlias(let alias), .updateAlias(let alias, _): [.alias(alias.arn), .key(alias.targetARN)]
        case .deleteAlias(let arn, _): [.alias(arn)]
        case .insertAccount(let account), .updateAccount(let account, _): [.account(account.id)]
        case .insertAccessKey(let accessKey), .updateAccessKey(let accessKey): [.account(accessKey.account)]
        case .deleteAccessKey(let account, _), .deleteIdentity(let account, _): [.account(account)]
        case .putIdentity(let identity): [.account(identity.account)]
        case .insertKeyStore(let store), .updateKeyStore(let store, _): [.account(store.realm.account)]
        case .deleteKeyStore(let realm, _, _): [.account(realm.account)]
        case .insertSetting(let name, _), .setSetting(let name, _): [.setting(name)]
        case .setUsage, .keepAuditLines, .forgetAuditLines, .noteSetting: []
        }
    }
}
