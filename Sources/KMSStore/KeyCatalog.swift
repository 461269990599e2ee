package import Foundation
package import KMSModel

/// Which keys, aliases and grants there are, of all that are stored.
package protocol KeyCatalog: Sendable {
    /// At most `limit` key identifiers of `realm` behind `last`, in order.
    func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) async throws(StoreError) -> [KeyID]

    /// At most `limit` aliases of `realm` behind `last`, in order of their names.
    func aliases(in realm: Realm, after last: AliasName?, limit: Int) async throws(StoreError) -> [AliasRecord]

    /// At most `limit` grants in `region` that `principal` may retire, behind `last`.
    func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) async throws(StoreError) -> [GrantRecord]

    /// The accounts and regions in which there are keys, of one account or of all.
    func realms(of account: AccountID?) async throws(StoreError) -> [Realm]

    /// How many customer managed keys `realm` has, in every state.
    func customerKeyCount(in realm: Realm) async throws(StoreError) -> Int

    /// How many keys of `realm` are in a custom key store, in every state.
    func keyCount(in realm: Realm, keptIn store: CustomKeyStoreID) async throws(StoreError) -> Int

    /// Whether a key of a custom key store, in whatever state, has this external key behind it.
    func hasKey(
        in realm: Realm, keptIn store: CustomKeyStoreID, behind id: ExternalKeyID
    ) async throws(StoreError) -> Bool

    /// At most `limit` keys to which `event` happens, the earliest first.
    func next(_ event: KeyEvent, limit: Int) async throws(StoreError) -> [KeyDue]

    /// How many keys there are of each kind.
    func keyCounts() async throws(StoreError) -> [KeyKind: Int]
}

/// A grant's place among all that one principal may retire: in order of their identifiers, and of those of their keys.
package struct GrantPlace: Comparable, Sendable {
    /// The grant.
    package let id: GrantID
    /// The key that it is on.
    package let key: KeyARN

    package init(id: GrantID, key: KeyARN) {
        self.id = id
        self.key = key
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.id != right.id ? left.id < right.id : left.key.keyID < right.key.keyID
    }
}

/// What time does to a key.
package enum KeyEvent: CaseIterable, Sendable {
    case rotation
    case deletion
    case expiry
    /// A key that is being made or changed elsewhere becomes usable.
    case completion
}

/// A key and when something happens to it; the earliest comes first.
package struct KeyDue: Comparable, Sendable {
    /// When.
    package let date: Date
    /// The key.
    package let key: KeyARN

    package init(date: Date, key: KeyARN) {
        self.date = date
        self.key = key
    }

    package static func < (left: Self, right: Self) -> Bool {
        if left.date != right.date { return left.date < right.date }
        if left.key.keyID != right.key.keyID { return left.key.keyID < right.key.keyID }
        return left.key.region < right.key.region
    }
}

/// What monitoring tells keys apart by.
package struct KeyKind: Hashable, Comparable, Sendable {
    /// What may be done with it.
    package let state: KeyState
    /// What its material is.
    package let spec: KeySpec
    /// Where its material comes from.
    package let origin: KeyOrigin
    /// Whose it is.
    package let manager: KeyManager

    /// Keys of this state, spec, origin and manager.
    package init(state: KeyState, spec: KeySpec, origin: KeyOrigin, manager: KeyManager) {
        (self.state, self.spec, self.origin, self.manager) = (state, spec, origin, manager)
    }

    private var order: (String, String, String, String) {
        (spec.rawValue, state.rawValue, origin.rawValue, manager.rawValue)
    }

    package static func < (left: Self, right: Self) -> Bool { left.order < right.order }
}
