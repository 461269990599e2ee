import KMSAccess
import KMSModel
import KMSStore
import Synchronization

/// What every grant is at this moment, in memory.
///
/// A decision looks only at the grants to those who the caller is, and at no more of them than it needs.
final class GrantDirectory: Sendable {
    fileprivate struct Contents {
        var grants: [KeyARN: [GrantID: Grant]] = [:]
        /// The order in which the grants of a key are listed.
        var order: [KeyARN: SortedSet<GrantID>] = [:]
        var byGrantee: [KeyARN: [String: [Grant]]] = [:]
        var retirable: [Retirer: SortedSet<GrantPlace>] = [:]
    }

    /// Who may retire grants, and where.
    fileprivate struct Retirer: Hashable {
        let principal: String
        let region: Region
    }

    private let contents = Mutex(Contents())

    // MARK: Reading

    /// The grant of this identifier on `key`.
    func grant(_ id: GrantID, on key: KeyARN) -> Grant? { contents.withLock { $0.grants[key]?[id] } }

    /// How many grants there are on `key`.
    func count(on key: KeyARN) -> Int { contents.withLock { $0.grants[key]?.count ?? 0 } }

    /// The grants on `key` to any of `grantees`, which are ARNs.
    func grants(on key: KeyARN, to grantees: [String]) -> [Grant] {
        contents.withLock { contents in
            guard let own = contents.byGrantee[key] else { return [] }
            return grantees.flatMap { own[$0] ?? [] }
        }
    }

    /// Whether there are any grants on `key`.
    func hasGrants(on key: KeyARN) -> Bool { contents.withLock { $0.byGrantee[key] != nil } }

    /// At most `limit` grants on `key` behind `last`, in order of their identifiers.
    func grants(on key: KeyARN, after last: GrantID?, limit: Int) -> [Grant] {
        contents.withLock { contents in
            let ids = contents.order[key]?.elements(after: last, limit: limit) ?? []
            return ids.compactMap { contents.grants[key]?[$0] }
        }
    }

    /// At most `limit` grants in `region` that `principal` may retire, behind `last`.
    func grants(retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int) -> [Grant] {
        contents.withLock { contents in
            let places = contents.retirable[Retirer(principal: principal, region: region)]?
                .elements(after: last, limit: limit)
            return (places ?? []).compactMap { contents.grants[$0.key]?[$0.id] }
        }
    }

    // MARK: Publishing

    func publish(_ grant: Grant) {
        contents.withLock { $0.insert(grant) }
    }

    func withdraw(_ id: GrantID, on key: KeyARN) {
        contents.withLock { $0.remove(id, on: key) }
    }

    /// Forgets every grant on a key that is gone.
    func withdrawAll(on key: KeyARN) {
        contents.withLock { $0.removeAll(on: key) }
    }

    /// Puts `grants` in the place of all that were there on `key`.
    func replaceAll(on key: KeyARN, with grants: [Grant]) {
        contents.withLock { contents in
            contents.removeAll(on: key)
            for grant in grants { contents.insert(grant) }
        }
    }
}

extension GrantDirectory.Contents {
    fileprivate mutating func insert(_ grant: Grant) {
        let record = grant.record
        if grants[record.key]?[record.id] != nil { remove(record.id, on: record.key) }
        grants[record.key, default: [:]][record.id] = grant
        order[record.key, default: SortedSet()].insert(record.id)
        byGrantee[record.key, default: [:]][record.grantee, default: []].append(grant)
        if let retirer = GrantDirectory.Retirer(record) {
            retirable[retirer, default: SortedSet()].insert(GrantPlace(record))
        }
    }

    fileprivate mutating func remove(_ id: GrantID, on key: KeyARN) {
        guard let grant = grants[key]?.removeValue(forKey: id) else { return }
        order[key]?.remove(id)
        byGrantee[key]?[grant.record.grantee]?.removeAll { $0.record.id == id }
        if byGrantee[key]?[grant.record.grantee]?.isEmpty == true { byGrantee[key]?[grant.record.grantee] = nil }
        if grants[key]?.isEmpty == true {
            grants[key] = nil
            order[key] = nil
            byGrantee[key] = nil
        }
        forgetRetirer(of: grant)
    }

    fileprivate mutating func removeAll(on key: KeyARN) {
        let gone = grants.removeValue(forKey: key) ?? [:]
        order[key] = nil
        byGrantee[key] = nil
        for grant in gone.values { forgetRetirer(of: grant) }
    }

    fileprivate mutating func forgetRetirer(of grant: Grant) {
        guard let retirer = GrantDirectory.Retirer(grant.record) else { return }
        retirable[retirer]?.remove(GrantPlace(grant.record))
        if retirable[retirer]?.count == 0 { retirable[retirer] = nil }
    }
}

extension GrantDirectory.Retirer {
    /// Nil for a grant that names nobody to retire it.
    fileprivate init?(_ record: GrantRecord) {
        guard let principal = record.retiring else { return nil }
        self.init(principal: principal, region: record.key.region)
    }
}
