import Foundation
import KMSAccess
package import KMSModel
import KMSStore
import Synchronization

/// What keys and aliases are at this moment, in memory: all of them, or those that were asked for last.
///
/// The data plane reads nothing else.
///
/// Readers take an immutable snapshot under a lock that is held for one look-up; a committed change replaces snapshots.
package final class KeyDirectory: Sendable {
    fileprivate struct Entry {
        let key: KeySnapshot
        let mark: KeyResidents.Mark?
    }

    fileprivate struct Contents {
        var keys: [KeyPlace: Entry] = [:]
        var aliases: [AliasARN: AliasRecord] = [:]
        var aliasesOfKey: [KeyARN: SortedSet<AliasName>] = [:]
        /// The regions in which there is a multi-Region key of this identifier.
        var families: [KeyID: SortedSet<Region>] = [:]
        /// What lists are made of; nil where not every key is in memory.
        var index: KeyIndex?
        /// Which keys are in memory; nil where all are.
        var residents: KeyResidents?
        /// Where there are keys, as far as was seen.
        var seenRealms: Set<Realm> = []
    }

    private let contents: Mutex<Contents>

    /// The grants on these keys.
    let grants: GrantDirectory

    /// Whether every key is in memory, so that what is not here is nowhere.
    package let isComplete: Bool

    /// - Parameter capacity: How many identifiers of keys there is room for, where the store has those that are not here; nil
    ///   for all.
    package init(capacity: Int? = nil) {
        isComplete = capacity == nil
        grants = GrantDirectory(listsRetirable: capacity == nil)
        contents = Mutex(
            Contents(
                index: capacity == nil ? KeyIndex() : nil, residents: capacity.map { KeyResidents(capacity: $0) }))
    }

    // MARK: Reading

    /// The key called `keyID` in `region`, whoever owns it.
    package func key(_ keyID: KeyID, in region: Region) -> KeySnapshot? {
        contents.withLock { contents in
            guard let entry = contents.keys[KeyPlace(region, keyID)] else { return nil }
            entry.mark?.note()
            return entry.key
        }
    }

    /// The key of this ARN.
    package func key(_ arn: KeyARN) -> KeySnapshot? {
        guard let key = key(arn.keyID, in: arn.region), key.arn.account == arn.account else { return nil }
        return key
    }

    /// The key of this ARN, looked at without being used.
    func peek(_ arn: KeyARN) -> KeySnapshot? {
        contents.withLock { $0.keys[KeyPlace(arn)]?.key }
    }

    /// The alias of this ARN.
    package func alias(_ arn: AliasARN) -> AliasRecord? {
        contents.withLock { $0.aliases[arn] }
    }

    /// The regions in which `account` has keys, in order; where not every key is in memory, those that were seen.
    package func regions(of account: AccountID) -> [Region] {
        contents.withLock { contents in
            (contents.index?.realms ?? Array(contents.seenRealms)).filter { $0.account == account }
                .map(\.region).sorted()
        }
    }

    /// Whether there are keys in `realm`; where not every key is in memory, whether some were seen.
    func hasKeys(in realm: Realm) -> Bool {
        contents.withLock { contents in
            contents.index.map { $0.keyIDs(in: realm, after: nil, limit: 1).isEmpty == false }
                ?? contents.seenRealms.contains(realm)
        }
    }

    /// How many keys are in memory.
    package var keyCount: Int { contents.withLock { $0.keys.count } }

    /// `key` with every key that it shares its material with, all as of the same moment.
    package func family(of key: KeySnapshot) -> KeyFamily {
        guard key.record.isMultiRegion else { return KeyFamily([key]) }
        return contents.withLock { contents in
            let regions = contents.families[key.arn.keyID]?.elements(after: nil, limit: .max) ?? []
            return KeyFamily(regions.compactMap { contents.keys[KeyPlace($0, key.arn.keyID)]?.key })
        }
    }

    /// At most `limit` aliases that point to `key`, behind `last`, in order of their names.
    package func aliases(of key: KeyARN, after last: AliasName? = nil, limit: Int = .max) -> [AliasRecord] {
        contents.withLock { contents in
            (contents.aliasesOfKey[key]?.elements(after: last, limit: limit) ?? []).compactMap {
                contents.aliases[AliasARN(realm: key.realm, name: $0)]
            }
        }
    }

    /// How many aliases point to `key`.
    package func aliasCount(of key: KeyARN) -> Int {
        contents.withLock { $0.aliasesOfKey[key]?.count ?? 0 }
    }

    /// Looks at what lists are made of, which is only there when ``isComplete``.
    func withIndex<Value: Sendable>(_ body: (KeyIndex) -> Value) -> Value? {
        contents.withLock { $0.index.map(body) }
    }

    /// Whether the keys of this identifier are in memory, all that exist.
    func isResident(_ id: KeyID) -> Bool { contents.withLock { $0.residents?.contains(id) ?? true } }

    /// The stay in memory of the keys of these identifiers.
    func stay(of ids: [KeyID]) -> KeyStay {
        contents.withLock { contents in
            KeyStay(ids: ids, numbers: ids.map { contents.residents?.number(of: $0) })
        }
    }

    /// Whether none of these keys has left memory since, or was not there: whoever looked at them, and at what belongs to
    /// them, has seen everything.
    func holds(_ stay: KeyStay) -> Bool {
        isComplete || (!stay.numbers.contains(nil) && self.stay(of: stay.ids) == stay)
    }

    /// Which keys of these identifiers are in memory, and their stay there.
    func residents(of ids: [KeyID]) -> (keys: Set<KeyARN>, stay: KeyStay) {
        contents.withLock { contents in
            let present = ids.filter { contents.residents?.contains($0) ?? false }
            return (
                Set(present.flatMap { contents.residents?.keys(of: $0) ?? [] }),
                KeyStay(ids: present, numbers: present.map { contents.residents?.number(of: $0) })
            )
        }
    }

    /// Every identifier whose keys are in memory; none when ``isComplete``.
    var residentIDs: [KeyID] { contents.withLock { $0.residents?.ids ?? [] } }

    /// How many identifiers these are.
    var residentCount: Int { contents.withLock { $0.residents?.count ?? 0 } }

    // MARK: Publishing

    /// Puts each of `keys` in the place of the snapshot that was there, unless that is newer.
    ///
    /// Nobody sees some of them without the others: what a key encrypts with new material, related keys of other regions
    /// can decrypt. Keys of an identifier that is not in memory stay where they are.
    package func publish(_ keys: [KeySnapshot]) {
        contents.withLock { contents in
            for key in keys where contents.residents?.contains(key.arn.keyID) != false { contents.publish(key) }
        }
    }

    /// Puts many keys into memory at once, none of which is there yet.
    ///
    /// - Parameter count: How many there will be in all, about.
    /// - Returns: One whose place another one has, when there is such a one; else nil.
    func load(_ keys: [KeySnapshot], of count: Int) -> KeyARN? { contents.withLock { $0.load(keys, of: count) } }

    /// Puts `alias` in the place of the record that was there, unless that is newer, or its key is not in memory.
    package func publish(_ alias: AliasRecord) { contents.withLock { $0.publish(alias) } }

    /// Adds `grant` to those in memory, unless its key is not there.
    func publish(_ grant: Grant) {
        contents.withLock { contents in
            if contents.residents?.contains(grant.record.key.keyID) != false { grants.publish(grant) }
        }
    }

    /// Forgets the key, the aliases that point to it, and the grants on it.
    package func withdraw(_ arn: KeyARN) {
        _ = contents.withLock { contents in
            contents.remove(arn)
            contents.removeResident(arn)
            return grants.replaceAll(on: arn, with: nil)
        }
    }

    /// Forgets the alias.
    package func withdraw(_ arn: AliasARN) {
        contents.withLock { $0.remove(arn) }
    }

    /// Forgets the alias, unless it has become another meanwhile.
    func withdraw(_ alias: AliasRecord) {
        contents.withLock { contents in
            if contents.aliases[alias.arn] == alias { contents.remove(alias.arn) }
        }
    }

    // MARK: Coming and going

    /// Puts everything of these identifiers in the place of what was there.
    ///
    /// - Parameters:
    ///   - keys: All keys that there are of each identifier, with what belongs to them; an identifier without any is not in
    ///     memory afterwards.
    ///   - stay: Since when those are in memory that come with a part of their grants; one that has left meanwhile stays
    ///     where it is.
    func install(_ keys: [KeyID: [ResidentKey]], updating stay: KeyStay = KeyStay()) {
        // There may be tens of thousands on a key: they are put in order before the lock, and those of before end after it.
        // But they change within it, or a key that comes while another leaves would lose what belongs to it.
        var whole: [KeyARN: GrantsOnKey] = [:]
        for key in keys.values.joined() where key.changedGrants == nil {
            whole[key.snapshot.arn] = GrantsOnKey(key.grants)
        }
        _ = contents.withLock { [grants] contents in
            var old: [GrantsOnKey?] = []
            let known = Dictionary(zip(stay.ids, stay.numbers)) { first, _ in first }
            for (id, keys) in keys {
                if keys.contains(where: { $0.changedGrants != nil }) {
                    guard let number = known[id] ?? nil, contents.residents?.number(of: id) == number else { continue }
                }
                for key in keys {
                    let arn = key.snapshot.arn
                    if let changed = key.changedGrants {
                        grants.replace(changed, on: arn, with: key.grants)
                    } else {
                        old.append(grants.replaceAll(on: arn, with: whole[arn]))
                    }
                }
                // The name that the keys themselves have, not that of a request, or memory has it twice.
                let id = keys.first?.snapshot.arn.keyID ?? id
                let present = contents.residents?.keys(of: id) ?? []
                for arn in present where !keys.contains(where: { $0.snapshot.arn == arn }) {
                    old.append(grants.replaceAll(on: arn, with: nil))
                }
                contents.install(keys, of: id, replacing: present)
            }
            let evicted = contents.residents?.makeRoom(for: keys) ?? []
            for arn in evicted {
                contents.remove(arn)
                old.append(grants.replaceAll(on: arn, with: nil))
            }
            return old
        }
    }

    /// How many identifiers leave at a time: everybody waits meanwhile.
    private static let batch = 500

    /// Takes everything of these identifiers out of memory: the store has it.
    func evict(_ ids: some Collection<KeyID>) {
        for batch in Array(ids).chunks(of: Self.batch) {
            _ = contents.withLock { [grants] contents in
                batch.flatMap { id in
                    let keys = contents.residents?.keys(of: id) ?? []
                    contents.residents?.remove(id)
                    return keys.map { arn in
                        contents.remove(arn)
                        return grants.replaceAll(on: arn, with: nil)
                    }
                }
            }
        }
    }
}

/// A key's place within one server: its identifier is unique in its region, whatever the account.
struct KeyPlace: Hashable, Sendable {
    let region: Region
    let keyID: KeyID

    init(_ region: Region, _ keyID: KeyID) { (self.region, self.keyID) = (region, keyID) }

    init(_ arn: KeyARN) { self.init(arn.region, arn.keyID) }

    /// Identifiers hardly ever have more than one region, so they alone spread in memory.
    func hash(into hasher: inout Hasher) { hasher.combine(keyID) }
}

/// Since when keys have been in memory without a break.
struct KeyStay: Equatable, Sendable {
    var ids: [KeyID] = []
    var numbers: [UInt64?] = []
}

/// A key that comes into memory, with what belongs to it.
struct ResidentKey: Sendable {
    let snapshot: KeySnapshot
    var aliases: [AliasRecord] = []
    /// All of its grants, or those that have changed and are there.
    var grants: [Grant] = []
    /// Those that have changed, where the others are in memory; nil for all.
    var changedGrants: Set<GrantID>?
}

extension KeyDirectory.Contents {
    fileprivate mutating func publish(_ key: KeySnapshot) {
        let place = KeyPlace(key.arn)
        let present = keys[place]
        if let present, present.key.record.version > key.record.version { return }
        let relatives = residents?.keys(of: key.arn.keyID) ?? []
        put(key, present?.mark ?? residents?.put(relatives + [key.arn], of: key.arn.keyID))
    }

    fileprivate mutating func load(_ new: [KeySnapshot], of count: Int) -> KeyARN? {
        keys.reserveCapacity(count)
        for key in new where place(key, nil) != nil { return key.arn }
        index?.insert(new)
        return nil
    }

    fileprivate mutating func put(_ key: KeySnapshot, _ mark: KeyResidents.Mark?) {
        let present = place(key, mark)
        index?.replace(present, with: key)
    }

    /// - Returns: What was there.
    private mutating func place(_ key: KeySnapshot, _ mark: KeyResidents.Mark?) -> KeySnapshot? {
        let present = keys.updateValue(KeyDirectory.Entry(key: key, mark: mark), forKey: KeyPlace(key.arn))
        if let present { return present.key }
        if index == nil { seenRealms.insert(key.arn.realm) }
        if key.record.isMultiRegion { families[key.arn.keyID, default: SortedSet()].insert(key.arn.region) }
        return nil
    }

    fileprivate mutating func install(_ new: [ResidentKey], of id: KeyID, replacing present: [KeyARN]) {
        guard !new.isEmpty else {
            present.forEach { remove($0) }
            residents?.remove(id)
            return
        }
        let arns = new.map(\.snapshot.arn)
        for arn in present where !arns.contains(arn) { remove(arn) }
        let mark = residents?.put(arns, of: id)
        for key in new {
            put(key.snapshot, mark)
            let names = Set(key.aliases.map(\.arn.name))
            for alias in aliasesOfKey[key.snapshot.arn]?.elements(after: nil, limit: .max) ?? []
            where !names.contains(alias) {
                remove(AliasARN(realm: key.snapshot.arn.realm, name: alias))
            }
            key.aliases.forEach { replace($0) }
        }
    }

    fileprivate mutating func publish(_ alias: AliasRecord) {
        if let present = aliases[alias.arn], present.version > alias.version { return }
        replace(alias)
    }

    /// Whatever the version: one that was made anew begins with the first.
    private mutating func replace(_ alias: AliasRecord) {
        if let present = aliases[alias.arn] { unlink(present) }
        guard residents?.contains(alias.target) != false else {
            aliases[alias.arn] = nil
            return
        }
        aliases[alias.arn] = alias
        index?.insert(alias.arn)
        aliasesOfKey[alias.targetARN, default: SortedSet()].insert(alias.arn.name)
    }

    fileprivate mutating func remove(_ arn: KeyARN) {
        if let present = keys.removeValue(forKey: KeyPlace(arn)) {
            index?.replace(present.key, with: nil)
            families[arn.keyID]?.remove(arn.region)
            if families[arn.keyID]?.count == 0 { families[arn.keyID] = nil }
        }
        for name in aliasesOfKey.removeValue(forKey: arn)?.elements(after: nil, limit: .max) ?? [] {
            let alias = AliasARN(realm: arn.realm, name: name)
            aliases[alias] = nil
            index?.remove(alias)
        }
    }

    /// Notes that a key is no longer there, and with it perhaps its identifier.
    fileprivate mutating func removeResident(_ arn: KeyARN) {
        guard let rest = residents?.keys(of: arn.keyID)?.filter({ $0 != arn }) else { return }
        if rest.isEmpty { residents?.remove(arn.keyID) } else { _ = residents?.put(rest, of: arn.keyID) }
    }

    fileprivate mutating func remove(_ arn: AliasARN) {
        guard let present = aliases.removeValue(forKey: arn) else { return }
        unlink(present)
        index?.remove(arn)
    }

    private mutating func unlink(_ alias: AliasRecord) {
        aliasesOfKey[alias.targetARN]?.remove(alias.arn.name)
        if aliasesOfKey[alias.targetARN]?.count == 0 { aliasesOfKey[alias.targetARN] = nil }
    }
}
