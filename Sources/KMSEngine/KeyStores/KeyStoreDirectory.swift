import KMSCrypto
import KMSModel
import KMSStore
import Synchronization

/// Every custom key store, as of now.
package final class KeyStoreDirectory: Sendable {
    private let stores = Mutex<[Realm: [CustomKeyStoreID: KeyStore]]>([:])
    /// The newest version of each account that this knows the key stores of.
    private let versions = Mutex<[AccountID: Int64]>([:])
    /// What was not destroyed in the tokens of stores that are gone.
    private let leftBehind = Mutex<[OrphanedMaterials]>([])
    /// Called with each store that is to be connected and is not.
    private let connect = Mutex<(@Sendable (KeyStore) -> Void)?>(nil)

    package init() {}

    /// Has `work` called with each store that is to be connected from now on.
    func whenWanted(_ work: @escaping @Sendable (KeyStore) -> Void) { connect.withLock { $0 = work } }

    var all: [KeyStore] { stores.withLock { $0.values.flatMap(\.values) } }

    /// The stores of a realm, in the order in which they were made.
    func stores(in realm: Realm) -> [KeyStore] {
        let found = stores.withLock { Array(($0[realm] ?? [:]).values) }
        return found.map { ($0, $0.record) }.sorted {
            ($0.1.creationDate, $0.1.id) < ($1.1.creationDate, $1.1.id)
        }.map(\.0)
    }

    func store(_ id: CustomKeyStoreID, in realm: Realm) -> KeyStore? { stores.withLock { $0[realm]?[id] } }

    func store(named name: String, in realm: Realm) -> KeyStore? {
        stores(in: realm).first { $0.record.name.isSame(as: name) }
    }

    /// The condition that a key is in: a key whose store is away cannot be used, whatever else it is.
    ///
    /// Source: KMS Developer Guide, "Key states of AWS KMS keys", "Unavailable".
    func state(of key: KeySnapshot) -> KeyState {
        let state = key.record.state
        guard let id = key.record.customKeyStore, state == .enabled || state == .disabled else { return state }
        return store(id, in: key.record.arn.realm)?.isConnected ?? false ? state : .unavailable
    }

    // MARK: Changes

    /// Notes that what is known is no older than this version of an account.
    func noteVersion(of account: AccountRecord) {
        versions.withLock { $0[account.id] = max($0[account.id] ?? 0, account.version) }
    }

    /// Takes over what a store holds of these accounts, unless it is older than what is known; what it does not hold is gone.
    func load(_ contents: StoreContents) {
        let accounts = versions.withLock { versions in
            Set(contents.accounts.filter { $0.version >= versions[$0.id] ?? 0 }.map(\.id))
        }
        for account in contents.accounts { noteVersion(of: account) }
        let present = Set(contents.keyStores.map(\.id))
        let gone = stores.withLock { stores in
            stores.flatMap { realm, known in
                accounts.contains(realm.account) ? known.keys.filter { !present.contains($0) }.map { (realm, $0) } : []
            }
        }
        for (realm, id) in gone { withdraw(id, in: realm) }
        for record in contents.keyStores where accounts.contains(record.realm.account) { publish(record) }
    }

    func publish(_ record: CustomKeyStoreRecord) {
        let store = stores.withLock { stores -> KeyStore in
            if let known = stores[record.realm]?[record.id] { return known }
            let store = KeyStore(record)
            stores[record.realm, default: [:]][record.id] = store
            return store
        }
        if store.update(record) { connect.withLock { $0 }?(store) }
    }

    func withdraw(_ id: CustomKeyStoreID, in realm: Realm) {
        guard let store = stores.withLock({ $0[realm]?.removeValue(forKey: id) }) else { return }
        store.close()
        if !store.orphans.isEmpty { leftBehind.withLock { $0.append(store.orphans) } }
    }

    /// Takes what was not destroyed in the tokens of stores that are gone by now.
    func takeLeftBehind() -> [OrphanedMaterials] {
        leftBehind.withLock { leftBehind in
            defer { leftBehind = [] }
            return leftBehind
        }
    }
}
