/// Where a key lives and what it is called: account, region and key identifier.
package struct KeyARN: Hashable, Sendable, CustomStringConvertible {
    /// The region.
    package let region: Region
    /// The account.
    package let account: AccountID
    /// The identifier, unique in the region.
    package let keyID: KeyID

    package init(region: Region, account: AccountID, keyID: KeyID) {
        self.region = region
        self.account = account
        self.keyID = keyID
    }

    /// The key `keyID` of `realm`.
    package init(realm: Realm, keyID: KeyID) {
        self.init(region: realm.region, account: realm.account, keyID: keyID)
    }

    /// `arn:<partition>:kms:<region>:<account>:key/<key id>`.
    package var description: String {
        // Piece by piece into room that is there: every key in memory has such a text.
        var text = "arn:"
        text.reserveCapacity(80)
        text += region.partition.rawValue
        text += ":kms:"
        text += region.description
        text += ":"
        text += account.description
        text += ":key/"
        text += keyID.description
        return text
    }

    /// Identifiers hardly ever have more than one account and region, so they alone spread in memory.
    package func hash(into hasher: inout Hasher) { hasher.combine(keyID) }

    /// The account and region that the key lives in.
    package var realm: Realm { Realm(account: account, region: region) }
}

/// One account in one region: the name space of keys and aliases, and the scope of quotas.
package struct Realm: Hashable, Sendable {
    /// The account.
    package let account: AccountID
    /// The region.
    package let region: Region

    package init(account: AccountID, region: Region) {
        self.account = account
        self.region = region
    }
}
