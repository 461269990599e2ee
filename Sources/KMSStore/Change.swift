package import KMSModel

/// What one call changes: all of it becomes durable, or none.
package struct Change: Sendable, Equatable {
    /// Applied in this order; a mutation sees what those before it wrote.
    package var mutations: [Mutation]

    package init(_ mutations: [Mutation]) {
        self.mutations = mutations
    }
}

/// One step of a ``Change``.
///
/// A step that does not find what it expects makes the whole change a ``StoreError/conflict``.
package enum Mutation: Sendable, Equatable {
    /// Adds a key that is not there yet.
    case insertKey(KeyRecord)
    /// Replaces what can change in a key; the record carries the new version, which is above the expected one.
    case updateKey(KeyRecord, expecting: Int64)
    /// Removes a key of this version, with its tags, its aliases, its grants and all of its material.
    case deleteKey(KeyARN, expecting: Int64)

    /// Adds a generation of material to a key that is there.
    case insertMaterial(MaterialRecord)
    /// Replaces what can change in a generation of material that is there; bytes that it had before are destroyed.
    case updateMaterial(MaterialRecord)
    /// Removes a generation of material that is there, and destroys its bytes.
    case deleteMaterial(KeyARN, KeyMaterialID)

    /// Remembers the last use of a key, if the key is still there; no version changes.
    ///
    /// A use from before the key was made is of an earlier key with the same name, and nothing to remember.
    case setUsage(KeyUsageRecord)

    /// Adds an alias, whose target must be a key of the same realm.
    case insertAlias(AliasRecord)
    /// Points an alias elsewhere; the record carries the new version, which is above the expected one.
    case updateAlias(AliasRecord, expecting: Int64)
    /// Removes an alias of this version.
    case deleteAlias(AliasARN, expecting: Int64)

    /// Adds a grant to a key that is there.
    case insertGrant(GrantRecord)
    /// Removes a grant that is there.
    case deleteGrant(KeyARN, GrantID)

    /// Adds an account that is not there yet.
    case insertAccount(AccountRecord)
    /// Gives an account a new version, which is above the expected one: so changes of what belongs to it exclude each other.
    case updateAccount(AccountRecord, expecting: Int64)

    /// Adds an access key that is not there yet.
    case insertAccessKey(AccessKeyRecord)
    /// Replaces an access key that is there; the secret that it had is destroyed.
    case updateAccessKey(AccessKeyRecord)
    /// Removes an access key that is there, and destroys its secret.
    case deleteAccessKey(AccountID, String)

    /// Adds a user, group, role or managed policy to an account that is there, or replaces it.
    case putIdentity(StoredIdentity)
    /// Removes a user, group, role or managed policy that is there.
    case deleteIdentity(AccountID, UniqueID)

    /// Adds a custom key store that is not there yet.
    case insertKeyStore(CustomKeyStoreRecord)
    /// Replaces what can change in a custom key store; the record carries the new version, which is above the expected one,
    /// and the secret that it had is destroyed.
    case updateKeyStore(CustomKeyStoreRecord, expecting: Int64)
    /// Removes a custom key store of this version, and destroys its secret.
    case deleteKeyStore(Realm, CustomKeyStoreID, expecting: Int64)

    /// Keeps what the audit log is to say of the change, under an identifier that is not there yet.
    case keepAuditLines(KeptAuditLines)
    /// Forgets the audit lines of this identifier, if they are still there.
    case forgetAuditLines(String)

    /// Gives a setting its first value; there must be none yet.
    case insertSetting(String, [UInt8])
    /// Gives a setting this value, whatever it was before.
    case setSetting(String, [UInt8])
    /// Gives a setting this value, of which nobody else has to learn.
    case noteSetting(String, [UInt8])
}
