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
        /// What time will bring: when each key that has something due is due next.
        var due: [KeyARN: Date] = [:]
    }

    private let contents = Mutex(Contents())

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

    /// How many keys `realm` has, in every state.
    package func keyCount(in realm: Realm) -> Int {
        contents.withLock { $0.keyIDs[realm]?.count ?? 0 }
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

    /// The keys for which something is due at `now`.
    package func keysDue(at now: Date) -> [KeySnapshot] {
        contents.withLock { contents in
            contents.due.filter { $0.value <= now }.keys.sorted { $0.keyID < $1.keyID }
                .compactMap { contents.keys[Place(region: $0.region, keyID: $0.keyID)] }
        }
    }

    // MARK: Publishing

    /// Puts `key` in the place of the snapshot that was there, unless that is newer.
    package func publish(_ key: KeySnapshot) {
        contents.withLock { contents in
            let place = Place(region: key.arn.region, keyID: key.arn.keyID)
            if let present = contents.keys[place], present.record.version > key.record.version { return }
            contents.keys[place] = key
            contents.keyIDs[key.arn.realm, default: SortedSet()].insert(key.arn.keyID)
            contents.due[key.arn] = key.record.nextDue
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
        contents.withLock { contents in
            contents.keys[Place(region: arn.region, keyID: arn.keyID)] = nil
            contents.keyIDs[arn.realm]?.remove(arn.keyID)
            contents.due[arn] = nil
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
    fileprivate mutating func unlink(_ alias: AliasRecord) {
        aliasesOfKey[alias.targetARN]?.remove(alias.arn.name)
    }
}

extension AliasRecord {
    /// The key that the alias points to, which is always of the alias's own realm.
    package var targetARN: KeyARN { KeyARN(region: arn.realm.region, account: arn.realm.account, keyID: target) }
}

extension KeyRecord {
    /// When time will next change this key by itself, if ever.
    ///
    /// A key that is not enabled keeps its rotation schedule but does not rotate; an overdue rotation happens once it is
    /// enabled again.
    package var nextDue: Date? {
        switch state {
        case .pendingDeletion: deletionDate
        case .enabled: rotation?.nextRotation
        default: nil
        }
    }
}
