import Foundation
import KMSModel
import KMSStore

/// A shared store that is asked only while it is in reach (``StoreContact/checkReach()``).
///
/// The change feed is the exception: by it a node finds out that the store answers again.
struct ReachedStore: SharedStore {
    let store: any SharedStore
    let contact: StoreContact

    private func reaching<Value>(
        _ ask: (any SharedStore) async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try contact.checkReach()
        return try await ask(store)
    }

    // MARK: Store

    func contents() async throws(StoreError) -> StoreContents {
        try await reaching { store throws(StoreError) in try await store.contents() }
    }

    func frame() async throws(StoreError) -> StoreContents {
        try await reaching { store throws(StoreError) in try await store.frame() }
    }

    func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await reaching { store throws(StoreError) in try await store.keys(after: last, limit: limit) }
    }

    func commit(_ change: Change) async throws(StoreError) {
        let began = MonotonicTime.nanoseconds()
        try await reaching { store throws(StoreError) in try await store.commit(change) }
        if !change.mutations.isEmpty { contact.noteChange(at: began) }
    }

    func copy(to path: String) async throws(StoreError) {
        try await reaching { store throws(StoreError) in try await store.copy(to: path) }
    }

    func check() async throws(StoreError) {
        try await reaching { store throws(StoreError) in try await store.check() }
    }

    func close() async throws(StoreError) { try await store.close() }

    // MARK: What changed

    func position() async throws(StoreError) -> FeedNews {
        try await contact.readFeed { () throws(StoreError) in try await store.position() }
    }

    func changes(after position: FeedPosition) async throws(StoreError) -> FeedNews {
        try await contact.readFeed { () throws(StoreError) in try await store.changes(after: position) }
    }

    // MARK: Single records

    func keys(_ ids: [KeyID]) async throws(StoreError) -> [StoredKey] {
        try await reaching { store throws(StoreError) in try await store.keys(ids) }
    }

    func updates(of known: Set<KeyARN>, since position: FeedPosition) async throws(StoreError) -> [KeyUpdate] {
        try await reaching { store throws(StoreError) in try await store.updates(of: known, since: position) }
    }

    func alias(_ arn: AliasARN) async throws(StoreError) -> AliasRecord? {
        try await reaching { store throws(StoreError) in try await store.alias(arn) }
    }

    func account(_ id: AccountID) async throws(StoreError) -> StoreContents {
        try await reaching { store throws(StoreError) in try await store.account(id) }
    }

    func settings() async throws(StoreError) -> [String: [UInt8]] {
        try await reaching { store throws(StoreError) in try await store.settings() }
    }

    // MARK: Nodes

    func claim(_ lease: String, for holder: String, lasting duration: Duration) async throws(StoreError) -> Bool {
        try await reaching { store throws(StoreError) in
            try await store.claim(lease, for: holder, lasting: duration)
        }
    }

    func release(_ lease: String, by holder: String) async throws(StoreError) {
        try await reaching { store throws(StoreError) in try await store.release(lease, by: holder) }
    }

    func heldLeases(beginning prefix: String) async throws(StoreError) -> [String] {
        try await reaching { store throws(StoreError) in try await store.heldLeases(beginning: prefix) }
    }

    func auditLines() async throws(StoreError) -> [KeptAuditLines] {
        try await reaching { store throws(StoreError) in try await store.auditLines() }
    }

    func nodesWithAuditLines() async throws(StoreError) -> [String] {
        try await reaching { store throws(StoreError) in try await store.nodesWithAuditLines() }
    }

    func adoptAuditLines(of node: String) async throws(StoreError) -> [KeptAuditLines] {
        try await reaching { store throws(StoreError) in try await store.adoptAuditLines(of: node) }
    }

    // MARK: Lists

    func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) async throws(StoreError) -> [KeyID] {
        try await reaching { store throws(StoreError) in
            try await store.keyIDs(in: realm, after: last, limit: limit)
        }
    }

    func aliases(in realm: Realm, after last: AliasName?, limit: Int) async throws(StoreError) -> [AliasRecord] {
        try await reaching { store throws(StoreError) in
            try await store.aliases(in: realm, after: last, limit: limit)
        }
    }

    func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) async throws(StoreError) -> [GrantRecord] {
        try await reaching { store throws(StoreError) in
            try await store.grants(retirableBy: principal, in: region, after: last, limit: limit)
        }
    }

    func realms(of account: AccountID?) async throws(StoreError) -> [Realm] {
        try await reaching { store throws(StoreError) in try await store.realms(of: account) }
    }

    func customerKeyCount(in realm: Realm) async throws(StoreError) -> Int {
        try await reaching { store throws(StoreError) in try await store.customerKeyCount(in: realm) }
    }

    func hasKey(
        in realm: Realm, keptIn store: CustomKeyStoreID, behind id: ExternalKeyID
    ) async throws(StoreError) -> Bool {
        try await reaching { stored throws(StoreError) in try await stored.hasKey(in: realm, keptIn: store, behind: id)
        }
    }

    func keyCount(in realm: Realm, keptIn id: CustomKeyStoreID) async throws(StoreError) -> Int {
        try await reaching { store throws(StoreError) in try await store.keyCount(in: realm, keptIn: id) }
    }

    func next(_ event: KeyEvent, limit: Int) async throws(StoreError) -> [KeyDue] {
        try await reaching { store throws(StoreError) in try await store.next(event, limit: limit) }
    }

    func keyCounts() async throws(StoreError) -> [KeyKind: Int] {
        try await reaching { store throws(StoreError) in try await store.keyCounts() }
    }
}
