package import Foundation
import KMSAccess
package import KMSModel
import KMSStore
import Synchronization

/// What every key and alias is at this moment, in memory.
///
/// The data plane reads nothing else.
///
/// Readers take an immutable snapshot under a lock that is held for one look-up; a committed change replaces snapshots.
package final class KeyDirectory: Sendable {
    /// A key's place within one server: its identifier is unique in its region, whatever the account.
    fileprivate struct Place: Hashable {
        let region: Region
        let keyID: KeyID
    }

    fileprivate struct Contents {
        var keys: [Place: KeySnapshot] = [:]
        var keyIDs: [Realm: SortedSet<KeyID>] = [:]
        var aliases: [AliasARN: AliasRecord] = [:]
        var aliasNames: [Realm: SortedSet<AliasName>] = [:]
        var aliasesOfKey: [KeyARN: SortedSet<AliasName>] = [:]
        /// How many of a realm's keys are the customer's own.
        var customerKeyCounts: [Realm: Int] = [:]
        /// The regions in which there is a multi-Region key of this identifier.
        var families: [KeyID: SortedSet<Region>] = [:]
        /// What kinds of keys there are, and what time will bring to them.
        var census = KeyCensus()
    }

    private let contents = Mutex(Contents())

    /// The grants on these keys.
    let grants = GrantDirectory()

    package init() {}

    // MARK: Reading

    /// The key called `keyID` in `region`, whoever owns it.
    package func key(_ keyID: KeyID, in region: Region) -> KeySnapshot? {
        contents.withLock { $0.keys[Place(region: region, keyID: keyID)] }
    }

    /// The key of this ARN.
    package func key(_ arn: KeyARN) -> KeySnapshot? {
        guard let key = key(arn.keyID, in: arn.region), key.arn.account == arn.account else { return nil }
        return key
    }

    /// The alias of this ARN.
    package func alias(_ arn: AliasARN) -> AliasRecord? {
        contents.withLock { $0.aliases[arn] }
    }

    /// The regions in which `account` has keys, in order.
    package func regions(of account: AccountID) -> [Region] {
        contents.withLock { contents in
            contents.keyIDs.filter { $0.key.account == account && $0.value.count > 0 }.map(\.key.region).sorted()
        }
    }

    /// Whether there are keys in `realm`.
    func hasKeys(in realm: Realm) -> Bool { contents.withLock { ($0.keyIDs[realm]?.count ?? 0) > 0 } }

    /// Every account and region in which there are keys.
    package var realms: [Realm] { contents.withLock { Array($0.keyIDs.keys) } }

    /// How many keys there are.
    package var keyCount: Int { contents.withLock { $0.keys.count } }

    /// How many customer managed keys `realm` has, in every state.
    package func customerKeyCount(in realm: Realm) -> Int {
        contents.withLock { $0.customerKeyCounts[realm] ?? 0 }
    }

    /// `key` with every key that it shares its material with, all as of the same moment.
    package func family(of key: KeySnapshot) -> KeyFamily {
        guard key.record.isMultiRegion else { return KeyFamily([key]) }
        return contents.withLock { contents in
            let regions = contents.families[key.arn.keyID]?.elements(after: nil, limit: .max) ?? []
            return KeyFamily(regions.compactMap { contents.keys[Place(region: $0, keyID: key.arn.keyID)] })
        }
    }

    /// At most `limit` key identifiers of `realm` behind `last`, in order.
    package func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) -> [KeyID] {
        contents.withLock { $0.keyIDs[realm]?.elements(after: last, limit: limit) ?? [] }
    }

    /// At most `limit` aliases of `realm`, or of one key in it, behind `last`, in order of their names.
    package func aliases(
        in realm: Realm, of key: KeyARN?, after last: AliasName?, limit: Int
    ) -> [AliasRecord] {
        contents.withLock { contents in
            let names = key.map { contents.aliasesOfKey[$0] } ?? contents.aliasNames[realm]
            return (names?.elements(after: last, limit: limit) ?? []).compactMap {
                contents.aliases[AliasARN(realm: realm, name: $0)]
            }
        }
    }

    /// How many aliases point to `key`.
    package func aliasCount(of key: KeyARN) -> Int {
        contents.withLock { $0.aliasesOfKey[key]?.count ?? 0 }
    }

    /// The key for which something is due first, at `now` or before, leaving out those of `exceptions`.
    package func firstDue(at now: Date, except exceptions: Set<KeyARN>) -> KeySnapshot? {
        contents.withLock { contents in
            contents.census.first(at: now, except: exceptions)
                .flatMap { contents.keys[Place(region: $0.region, keyID: $0.keyID)] }
        }
    }

    /// How many keys of each kind there are.
    var counts: [KeyKind: Int] { contents.withLock { $0.census.counts } }

    /// The first `limit` keys to which `event` happens.
    func next(_ event: KeyEvent, limit: Int) -> [KeyDue] {
        contents.withLock { $0.census.next(event, limit: limit) }
    }

    /// The first keys of each account whose material ends, and how many there are of all accounts together.
    func nextExpiries(limitForEach limit: Int) -> (first: [KeyDue], count: Int) {
        contents.withLock { $0.census.nextExpiries(limitForEach: limit) }
    }

    // MARK: Publishing

    /// Puts each of `keys` in the place of the snapshot that was there, unless that is newer.
    ///
    /// Nobody sees some of them without the others: what a key encrypts with new material, related keys of other regions
    /// can decrypt.
    package func publish(_ keys: [KeySnapshot]) {
        contents.withLock { contents in
            for key in keys { contents.publish(key) }
        }
    }

    /// Puts `alias` in the place of the record that was there, unless that is newer.
    package func publish(_ alias: AliasRecord) {
        contents.withLock { contents in
            if let present = contents.aliases[alias.arn] {
                if present.version > alias.version { return }
                contents.unlink(present)
            }
            contents.aliases[alias.arn] = alias
            contents.aliasNames[alias.arn.realm, default: SortedSet()].insert(alias.arn.name)
            contents.aliasesOfKey[alias.targetARN, default: SortedSet()].insert(alias.arn.name)
        }
    }

    /// Forgets the key and the aliases that point to it.
    package func withdraw(_ arn: KeyARN) {
        grants.withdrawAll(on: arn)
        contents.withLock { contents in
            if let key = contents.keys.removeValue(forKey: Place(region: arn.region, keyID: arn.keyID)) {
                contents.census.replace(key, with: nil)
                contents.unindex(key)
            }
            for name in contents.aliasesOfKey.removeValue(forKey: arn)?.elements(after: nil, limit: .max) ?? [] {
                contents.aliases[AliasARN(realm: arn.realm, name: name)] = nil
                contents.aliasNames[arn.realm]?.remove(name)
            }
        }
    }

    /// Forgets the alias.
    package func withdraw(_ arn: AliasARN) {
        contents.withLock { contents in
            guard let present = contents.aliases.removeValue(forKey: arn) else { return }
            contents.unlink(present)
            contents.aliasNames[arn.realm]?.remove(arn.name)
        }
    }
}

extension KeyDirectory.Contents {
    fileprivate mutating func publish(_ key: KeySnapshot) {
        let place = KeyDirectory.Place(region: key.arn.region, keyID: key.arn.keyID)
        let present = keys[place]
        if let present, present.record.version > key.record.version { return }
        keys[place] = key
        census.replace(present, with: key)
        if present == nil { index(key) }
    }

    fileprivate mutating func index(_ key: KeySnapshot) {
        keyIDs[key.arn.realm, default: SortedSet()].insert(key.arn.keyID)
        if key.record.manager == .customer { customerKeyCounts[key.arn.realm, default: 0] += 1 }
        if key.record.isMultiRegion { families[key.arn.keyID, default: SortedSet()].insert(key.arn.region) }
    }

    fileprivate mutating func unindex(_ key: KeySnapshot) {
        keyIDs[key.arn.realm]?.remove(key.arn.keyID)
        if key.record.manager == .customer { customerKeyCounts[key.arn.realm, default: 0] -= 1 }
        families[key.arn.keyID]?.remove(key.arn.region)
        if families[key.arn.keyID]?.count == 0 { families[key.arn.keyID] = nil }
    }

    fileprivate mutating func unlink(_ alias: AliasRecord) {
        aliasesOfKey[alias.targetARN]?.remove(alias.arn.name)
    }
}
