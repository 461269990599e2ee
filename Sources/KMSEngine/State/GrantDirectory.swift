import KMSAccess
import KMSModel
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
        var retirable: [Retirer: SortedSet<Place>] = [:]
    }

    /// Who may retire grants, and where.
    fileprivate struct Retirer: Hashable {
        let principal: String
        let region: Region
    }

    /// A grant's place among all that one principal may retire.
    struct Place: Comparable, Sendable {
        let id: GrantID
        let key: KeyARN

        static func < (left: Self, right: Self) -> Bool {
            left.id != right.id ? left.id < right.id : left.key.keyID < right.key.keyID
        }
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
    func grants(retirableBy principal: String, in region: Region, after last: Place?, limit: Int) -> [Grant] {
        contents.withLock { contents in
            let places = contents.retirable[Retirer(principal: principal, region: region)]?
                .elements(after: last, limit: limit)
            return (places ?? []).compactMap { contents.grants[$0.key]?[$0.id] }
        }
    }

    // MARK: Publishing

    func publish(_ grant: Grant) {
        let record = grant.record
        contents.withLock { contents in
            contents.grants[record.key, default: [:]][record.id] = grant
            contents.order[record.key, default: SortedSet()].insert(record.id)
            contents.byGrantee[record.key, default: [:]][record.grantee, default: []].append(grant)
            if let retirer = Retirer(record) {
                contents.retirable[retirer, default: SortedSet()].insert(Place(record))
            }
        }
    }

    func withdraw(_ id: GrantID, on key: KeyARN) {
        contents.withLock { contents in
            guard let grant = contents.grants[key]?.removeValue(forKey: id) else { return }
            contents.order[key]?.remove(id)
            contents.byGrantee[key]?[grant.record.grantee]?.removeAll { $0.record.id == id }
            if contents.byGrantee[key]?[grant.record.grantee]?.isEmpty == true {
                contents.byGrantee[key]?[grant.record.grantee] = nil
            }
            if contents.grants[key]?.isEmpty == true {
                contents.grants[key] = nil
                contents.order[key] = nil
                contents.byGrantee[key] = nil
            }
            contents.forgetRetirer(of: grant)
        }
    }

    /// Forgets every grant on a key that is gone.
    func withdrawAll(on key: KeyARN) {
        contents.withLock { contents in
            let grants = contents.grants.removeValue(forKey: key) ?? [:]
            contents.order[key] = nil
            contents.byGrantee[key] = nil
            for grant in grants.values { contents.forgetRetirer(of: grant) }
        }
    }
}

extension GrantDirectory.Contents {
    fileprivate mutating func forgetRetirer(of grant: Grant) {
        guard let retirer = GrantDirectory.Retirer(grant.record) else { return }
        retirable[retirer]?.remove(GrantDirectory.Place(grant.record))
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
