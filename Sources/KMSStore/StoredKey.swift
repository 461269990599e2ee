package import KMSModel

/// A key with everything that belongs to it.
package struct StoredKey: Sendable, Equatable {
    /// The key itself.
    package var record: KeyRecord
    /// Every generation of its material, in the order in which they came.
    package var materials: [MaterialRecord]
    /// Its last use, if it was ever used.
    package var usage: KeyUsageRecord?
    /// The aliases that point to it.
    package var aliases: [AliasRecord]
    /// The grants on it.
    package var grants: [GrantRecord]

    package init(
        record: KeyRecord, materials: [MaterialRecord] = [], usage: KeyUsageRecord? = nil,
        aliases: [AliasRecord] = [], grants: [GrantRecord] = []
    ) {
        self.record = record
        self.materials = materials
        self.usage = usage
        self.aliases = aliases
        self.grants = grants
    }
}

/// A key as it is now, for somebody who knows it as it was.
package struct KeyUpdate: Sendable {
    /// The key with everything that belongs to it, but for the grants that have not changed.
    package var key: StoredKey
    /// Which grants have changed, of which those that are not with the key are gone; nil when any may have, and the key has all.
    package let changedGrants: Set<GrantID>?

    package init(key: StoredKey, changedGrants: Set<GrantID>? = nil) {
        self.key = key
        self.changedGrants = changedGrants
    }

    /// The whole key, for somebody who has it as it was among `known`.
    package func completed(by known: [StoredKey]) -> StoredKey {
        guard let changedGrants, let old = known.first(where: { $0.record.arn == self.key.record.arn }) else {
            return self.key
        }
        var key = self.key
        key.grants = old.grants.filter { !changedGrants.contains($0.id) } + key.grants
        return key
    }
}

extension StoreContents {
    /// The keys with what belongs to each, in the order of ``keys``.
    package var storedKeys: [StoredKey] {
        var places: [KeyARN: Int] = [:]
        var stored: [StoredKey] = []
        for key in keys {
            places[key.arn] = stored.count
            stored.append(StoredKey(record: key))
        }
        for material in materials {
            if let place = places[material.key] { stored[place].materials.append(material) }
        }
        for usage in usages {
            if let place = places[usage.key] { stored[place].usage = usage }
        }
        for alias in aliases {
            if let place = places[alias.targetARN] { stored[place].aliases.append(alias) }
        }
        for grant in grants {
            if let place = places[grant.key] { stored[place].grants.append(grant) }
        }
        return stored
    }
}
