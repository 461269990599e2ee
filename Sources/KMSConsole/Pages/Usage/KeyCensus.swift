package import KMSEngine
import KMSModel

/// All customer managed keys of a region, counted: by status and spec, and those that are nearest to the quotas of a key.
package struct KeyCensus: Sendable {
    /// How many keys are named for each quota.
    package static let mostNamed = 3

    /// What a key may have only so many of.
    package enum Quota: Sendable, CaseIterable {
        case grants, aliases, tags, policySize, rotationsOnDemand
    }

    /// A key that has some.
    package struct Holder: Sendable, Equatable {
        /// The identifier of the key.
        package let id: String
        /// One of its names.
        package let alias: String?
        /// How many it has.
        package let used: Int
    }

    /// How many keys there are, of those that the visitor may look at.
    package private(set) var count = 0
    /// How many are in each state; those that the visitor may not look at, whoever administers them, under nil.
    package private(set) var states: [String?: Int] = [:]
    /// How many there are of each spec, of those that the visitor may see.
    package private(set) var specs: [String: Int] = [:]
    /// The keys that have most of each thing, the first of them first; keys that have none are not among them.
    package private(set) var nearest: [Quota: [Holder]] = [:]

    /// Counts.
    package init(_ keys: some Sequence<KeyOverview>) {
        for key in keys {
            switch key.details?.manager {
            case .customer?: count(key)
            case .aws?: break
            case nil: states[nil, default: 0] += 1
            }
        }
    }

    private mutating func count(_ key: KeyOverview) {
        count += 1
        states[key.details?.state.rawValue, default: 0] += 1
        if let spec = key.details?.spec { specs[spec.rawValue, default: 0] += 1 }
        for quota in Quota.allCases {
            guard let used = quota.use(of: key), used > 0 else { continue }
            let known = nearest[quota, default: []]
            guard known.count < Self.mostNamed || used > known[known.count - 1].used else { continue }
            let place = known.firstIndex { $0.used < used } ?? known.count
            nearest[quota, default: []]
                .insert(Holder(id: key.keyID.description, alias: key.aliases.first, used: used), at: place)
            if known.count == Self.mostNamed { nearest[quota]?.removeLast() }
        }
    }
}

extension KeyCensus.Quota {
    /// How many a key has; nil where the visitor may not see it.
    fileprivate func use(of key: KeyOverview) -> Int? {
        switch self {
        case .grants: key.quotaUse?.grants
        case .aliases: key.aliases.count
        case .tags: key.tags?.count
        case .policySize: key.quotaUse?.policySize
        case .rotationsOnDemand: key.quotaUse?.rotationsOnDemand
        }
    }
}
