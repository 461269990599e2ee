package import KMSModel

/// Everything that a store holds, as it was at one moment.
package struct StoreContents: Sendable {
    package var accounts: [AccountRecord]
    package var accessKeys: [AccessKeyRecord]
    package var keys: [KeyRecord]
    /// In the order in which they were inserted, so the generations of a key stand in their own order.
    package var materials: [MaterialRecord]
    package var aliases: [AliasRecord]
    package var settings: [String: [UInt8]]
    /// The last position of the change feed whose change is among these contents; zero before the first change.
    package var position: Int64

    package init(
        accounts: [AccountRecord] = [], accessKeys: [AccessKeyRecord] = [], keys: [KeyRecord] = [],
        materials: [MaterialRecord] = [], aliases: [AliasRecord] = [], settings: [String: [UInt8]] = [:],
        position: Int64 = 0
    ) {
        self.accounts = accounts
        self.accessKeys = accessKeys
        self.keys = keys
        self.materials = materials
        self.aliases = aliases
        self.settings = settings
        self.position = position
    }
}
