import KMSModel
import KMSStore

/// What lists are made of where every key is in memory.
struct KeyIndex {
    private var keyIDs: [Realm: SortedSet<KeyID>] = [:]
    private var aliasNames: [Realm: SortedSet<AliasName>] = [:]
    /// How many of a realm's keys are the customer's own.
    private var customerKeyCounts: [Realm: Int] = [:]
    /// What kinds of keys there are, and what time will bring to them.
    private(set) var census = KeyCensus()

    /// The accounts and regions in which there are keys.
    var realms: [Realm] { keyIDs.filter { $0.value.count > 0 }.map(\.key) }

    func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) -> [KeyID] {
        keyIDs[realm]?.elements(after: last, limit: limit) ?? []
    }

    func aliasNames(in realm: Realm, after last: AliasName?, limit: Int) -> [AliasName] {
        aliasNames[realm]?.elements(after: last, limit: limit) ?? []
    }

    func customerKeyCount(in realm: Realm) -> Int { customerKeyCounts[realm] ?? 0 }

    /// Puts `key`, or nothing, in the place of the one that was there.
    mutating func replace(_ present: KeySnapshot?, with key: KeySnapshot?) {
        census.replace(present, with: key)
        switch (present, key) {
        case (nil, let key?):
            keyIDs[key.arn.realm, default: SortedSet()].insert(key.arn.keyID)
            if key.record.manager == .customer { customerKeyCounts[key.arn.realm, default: 0] += 1 }
        case (let present?, nil):
            keyIDs[present.arn.realm]?.remove(present.arn.keyID)
            if present.record.manager == .customer { customerKeyCounts[present.arn.realm, default: 0] -= 1 }
        default: break
        }
    }

    /// Adds keys that are not there yet.
    mutating func insert(_ keys: [KeySnapshot]) {
        census.insert(keys)
        var rest = keys[...]
        while let realm = rest.first?.arn.realm {
            // Keys of one account and region mostly stand together.
            let keys = rest.prefix { $0.arn.realm == realm }
            rest = rest[keys.endIndex...]
            keyIDs[realm, default: SortedSet()].insert(contentsOf: keys.map { $0.arn.keyID })
            customerKeyCounts[realm, default: 0] += keys.count { $0.record.manager == .customer }
        }
    }

    mutating func insert(_ alias: AliasARN) { aliasNames[alias.realm, default: SortedSet()].insert(alias.name) }

    mutating func remove(_ alias: AliasARN) { aliasNames[alias.realm]?.remove(alias.name) }
}
