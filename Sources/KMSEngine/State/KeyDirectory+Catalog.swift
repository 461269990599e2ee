package import Foundation
import KMSAccess
package import KMSModel
package import KMSStore

/// Lists of all keys, where all are in memory.
extension KeyDirectory: KeyCatalog {
    package func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) async throws(StoreError) -> [KeyID] {
        withIndex { $0.keyIDs(in: realm, after: last, limit: limit) } ?? []
    }

    package func aliases(in realm: Realm, after last: AliasName?, limit: Int) async throws(StoreError) -> [AliasRecord]
    {
        let names = withIndex { $0.aliasNames(in: realm, after: last, limit: limit) } ?? []
        return names.compactMap { alias(AliasARN(realm: realm, name: $0)) }
    }

    package func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) async throws(StoreError) -> [GrantRecord] {
        grants.grants(retirableBy: principal, in: region, after: last, limit: limit).map(\.record)
    }

    package func realms(of account: AccountID?) async throws(StoreError) -> [Realm] {
        (withIndex(\.realms) ?? []).filter { account == nil || $0.account == account }
    }

    package func customerKeyCount(in realm: Realm) async throws(StoreError) -> Int {
        withIndex { $0.customerKeyCount(in: realm) } ?? 0
    }

    package func keyCount(in realm: Realm, keptIn store: CustomKeyStoreID) async throws(StoreError) -> Int {
        records(in: realm, keptIn: store).count
    }

    package func hasKey(
        in realm: Realm, keptIn store: CustomKeyStoreID, behind id: ExternalKeyID
    ) async throws(StoreError) -> Bool {
        records(in: realm, keptIn: store).contains { $0.externalKeyID == id }
    }

    private func records(in realm: Realm, keptIn store: CustomKeyStoreID) -> [KeyRecord] {
        let ids = withIndex { $0.keyIDs(in: realm, after: nil, limit: .max) } ?? []
        return ids.compactMap { key(KeyARN(realm: realm, keyID: $0))?.record }.filter { $0.customKeyStore == store }
    }

    package func next(_ event: KeyEvent, limit: Int) async throws(StoreError) -> [KeyDue] {
        withIndex { $0.census.next(event, limit: limit) } ?? []
    }

    package func keyCounts() async throws(StoreError) -> [KeyKind: Int] { withIndex(\.census.counts) ?? [:] }

    /// The key for which something is due first, at `now` or before, leaving out those of `exceptions`.
    package func firstDue(at now: Date, except exceptions: Set<KeyARN>) -> KeySnapshot? {
        withIndex { $0.census.first(at: now, except: exceptions) }.flatMap(\.self).flatMap(key)
    }
}
