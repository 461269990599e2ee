package import KMSModel

/// Everything that a store holds, as it was at one moment.
package struct StoreContents: Sendable {
    /// Every account.
    package var accounts: [AccountRecord]
    /// Every access key, its secret wrapped.
    package var accessKeys: [AccessKeyRecord]
    /// Every user, group, role and managed policy.
    package var identities: [StoredIdentity]
    /// Every custom key store, its secret wrapped.
    package var keyStores: [CustomKeyStoreRecord]
    /// Every key, in every state.
    package var keys: [KeyRecord]
    /// In the order in which they were inserted, so the generations of a key stand in their own order.
    package var materials: [MaterialRecord]
    /// The last use of each key that was ever used.
    package var usages: [KeyUsageRecord]
    /// Every alias.
    package var aliases: [AliasRecord]
    /// Audit lines that were kept and not forgotten, in the order in which they came.
    package var auditLines: [KeptAuditLines]
    /// Every grant.
    package var grants: [GrantRecord]
    /// Every setting, by its name.
    package var settings: [String: [UInt8]]

    package init(
        accounts: [AccountRecord] = [], accessKeys: [AccessKeyRecord] = [],
        identities: [StoredIdentity] = [], keyStores: [CustomKeyStoreRecord] = [], keys: [KeyRecord] = [],
        materials: [MaterialRecord] = [], usages: [KeyUsageRecord] = [], aliases: [AliasRecord] = [],
        grants: [GrantRecord] = [],
        auditLines: [KeptAuditLines] = [], settings: [String: [UInt8]] = [:]
    ) {
        self.accounts = accounts
        self.accessKeys = accessKeys
        self.identities = identities
        self.keyStores = keyStores
        self.keys = keys
        self.materials = materials
        self.usages = usages
        self.aliases = aliases
        self.grants = grants
        self.auditLines = auditLines
        self.settings = settings
    }
}
