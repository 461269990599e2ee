import KMSAccess
import KMSModel
import KMSStore
import Synchronization

/// What every grant is at this moment, in memory.
///
/// A decision looks only at the grants to those who the caller is, and at no more of them than it needs.
final class GrantDirectory: Sendable {
    fileprivate struct Contents {
        var keys: [KeyARN: GrantsOnKey] = [:]
        /// Nil where not every key is in memory.
        var retirable: [Retirer: SortedSet<GrantPlace>]?
    }

    /// Who may retire grants, and where.
    fileprivate struct Retirer: Hashable {
        let principal: String
        let region: Region
    }

    private let contents: Mutex<Contents>

    /// - Parameter listsRetirable: Whether all grants are going to be here, so that they can be listed by who may retire
    ///   them.
    init(listsRetirable: Bool) {
        contents = Mutex(Contents(retirable: listsRetirable ? [:] : nil))
    }

    // MARK: Reading

    /// The grant of this identifier on `key`.
    func grant(_ id: GrantID, on key: KeyARN) -> Grant? { contents.withLock { $0.keys[key]?[id] } }

    /// How many grants there are on `key`.
    func count(on key: KeyARN) -> Int { contents.withLock { $0.keys[key]?.count ?? 0 } }

    /// The grants on `key` to any of `grantees`, which are ARNs.
    func grants(on key: KeyARN, to grantees: [String]) -> [Grant] {
        contents.withLock { contents in
            guard let own = contents.keys[key] else { return [] }
            return grantees.flatMap { own.grants(to: $0) }
        }
    }

    /// Whether there are any grants on `key`.
    func hasGrants(on key: KeyARN) -> Bool { contents.withLock { $0.keys[key] != nil } }

    /// At most `limit` grants on `key` behind `last`, in order of their identifiers.
    func grants(on key: KeyARN, after last: GrantID?, limit: Int) -> [Grant] {
        contents.withLock { $0.keys[key]?.grants(after: last, limit: limit) ?? [] }
    }

    /// At most `limit` grants in `region` that `principal` may retire, behind `last`.
    func grants(retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int) -> [Grant] {
        contents.withLock { contents in
            let places = contents.retirable?[Retirer(principal: principal, region: region)]?
                .elements(after: last, limit: limit)
            return (places ?? []).compactMap { contents.keys[$0.key]?[$0.id] }
        }
    }

    // MARK: Publishing

    func publish(_ grant: Grant) { replace([grant.record.id], on: grant.record.key, with: [grant]) }

    func withdraw(_ id: GrantID, on key: KeyARN) { replace([id], on: key, with: []) }

    /// Puts `grants` in the place of those of these identifiers that were there on `key`.
    func replace(_ ids: Set<GrantID>, on key: KeyARN, with grants: [Grant]) {
        guard !ids.isEmpty else { return }
        contents.withLock { contents in
            contents.remove(ids, on: key)
            for grant in grants { contents.insert(grant) }
        }
    }

    /// Puts `grants` in the place of all that were there on `key`; nil for none.
    ///
    /// - Returns: What was there: whoever holds a lock lets go of it afterwards, for there may be tens of thousands.
    func replaceAll(on key: KeyARN, with grants: GrantsOnKey?) -> GrantsOnKey? {
        contents.withLock { contents in
            let old = contents.keys.removeValue(forKey: key)
            contents.keys[key] = grants.flatMap { $0.count == 0 ? nil : $0 }
            if contents.retirable != nil {
                old?.all.forEach { contents.forgetRetirer(of: $0) }
                grants?.all.forEach { contents.noteRetirer(of: $0) }
            }
            return old
        }
    }
}

/// The grants on one key.
struct GrantsOnKey: Sendable {
    private var grants: [GrantID: Grant]
    /// In which they are listed.
    private var order: SortedSet<GrantID>
    private var byGrantee: [String: [Grant]]

    init(_ grants: [Grant] = []) {
        self.grants = Dictionary(grants.map { ($0.record.id, $0) }) { _, last in last }
        order = SortedSet(self.grants.keys)
        byGrantee = Dictionary(grouping: self.grants.values, by: \.record.grantee)
    }

    var count: Int { grants.count }
    var all: some Collection<Grant> { grants.values }

    subscript(id: GrantID) -> Grant? { grants[id] }

    func grants(to grantee: String) -> [Grant] { byGrantee[grantee] ?? [] }

    func grants(after last: GrantID?, limit: Int) -> [Grant] {
        order.elements(after: last, limit: limit).compactMap { grants[$0] }
    }

    /// - Parameter grant: One that is not there yet.
    mutating func insert(_ grant: Grant) {
        grants[grant.record.id] = grant
        order.insert(grant.record.id)
        byGrantee[grant.record.grantee, default: []].append(grant)
    }

    /// - Returns: The grants that were there.
    mutating func remove(_ ids: Set<GrantID>) -> [Grant] {
        let gone = ids.compactMap { grants.removeValue(forKey: $0) }
        for grant in gone { order.remove(grant.record.id) }
        for grantee in Set(gone.map(\.record.grantee)) {
            byGrantee[grantee]?.removeAll { ids.contains($0.record.id) }
            if byGrantee[grantee]?.isEmpty == true { byGrantee[grantee] = nil }
        }
        return gone
    }
}

extension GrantDirectory.Contents {
    fileprivate mutating func insert(_ grant: Grant) {
        keys[grant.record.key, default: GrantsOnKey()].insert(grant)
        noteRetirer(of: grant)
    }

    fileprivate mutating func remove(_ ids: Set<GrantID>, on key: KeyARN) {
        for grant in keys[key]?.remove(ids) ?? [] { forgetRetirer(of: grant) }
        if keys[key]?.count == 0 { keys[key] = nil }
    }

    fileprivate mutating func noteRetirer(of grant: Grant) {
        guard let retirer = GrantDirectory.Retirer(grant.record) else { return }
        retirable?[retirer, default: SortedSet()].insert(GrantPlace(grant.record))
    }

    fileprivate mutating func forgetRetirer(of grant: Grant) {
        guard let retirer = GrantDirectory.Retirer(grant.record) else { return }
        retirable?[retirer]?.remove(GrantPlace(grant.record))
        if retirable?[retirer]?.count == 0 { retirable?[retirer] = nil }
    }
}

extension GrantDirectory.Retirer {
    /// Nil for a grant that names nobody to retire it.
    fileprivate init?(_ record: GrantRecord) {
        guard let principal = record.retiring else { return nil }
        self.init(principal: principal, region: record.key.region)
    }
}
