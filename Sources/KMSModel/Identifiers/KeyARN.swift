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
        // At once into room of its size: every key in memory has such a text.
        let (partition, region, account) = (
            region.partition.rawValue.utf8, region.description.utf8, account.description.utf8
        )
        let count = "arn::kms:::key/".utf8.count + partition.count + region.count + account.count + KeyID.textLength
        return String(unsafeUninitializedCapacity: count) { buffer in
            var rest = buffer[...]
            func append(_ text: String.UTF8View) { rest = rest[rest.initialize(fromContentsOf: text)...] }
            append("arn:".utf8)
            append(partition)
            append(":kms:".utf8)
            append(region)
            append(":".utf8)
            append(account)
            append(":key/".utf8)
            keyID.write(to: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: rest)))
            return count
        }
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
