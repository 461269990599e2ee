import Foundation
import KMSAccess
import KMSModel

/// What kinds of keys there are, and what time will bring to each: kept up to date with every change, because counting
/// when somebody asks would hold up requests.
struct KeyCensus {
    /// What monitoring tells keys apart by.
    struct Kind: Hashable, Comparable {
        let state: KeyState
        let spec: KeySpec
        let origin: KeyOrigin
        let manager: KeyManager

        init(_ key: KeyRecord) {
            (state, spec, origin, manager) = (key.state, key.spec, key.origin, key.manager)
        }

        private var order: (String, String, String, String) {
            (spec.rawValue, state.rawValue, origin.rawValue, manager.rawValue)
        }

        static func < (left: Self, right: Self) -> Bool { left.order < right.order }
    }

    /// What time does to a key.
    enum Event: CaseIterable {
        case rotation
        case deletion
        case expiry
        /// A key that is being made or changed elsewhere becomes usable.
        case completion
    }

    /// A key and when something happens to it; the earliest comes first.
    struct Due: Comparable {
        let date: Date
        let key: KeyARN

        static func < (left: Self, right: Self) -> Bool {
            if left.date != right.date { return left.date < right.date }
            if left.key.keyID != right.key.keyID { return left.key.keyID < right.key.keyID }
            return left.key.region < right.key.region
        }
    }

    private(set) var counts: [Kind: Int] = [:]
    private var due: [Event: SortedSet<Due>] = [:]
    /// So that the keys of one account do not stand before those of others.
    private var expiries: [AccountID: SortedSet<Due>] = [:]

    /// Puts `key`, or nothing, in the place of the one that was there.
    mutating func replace(_ present: KeySnapshot?, with key: KeySnapshot?) {
        if let present {
            let kind = Kind(present.record)
            let count = counts[kind, default: 0] - 1
            counts[kind] = count > 0 ? count : nil
        }
        if let key { counts[Kind(key.record), default: 0] += 1 }
        for event in Event.allCases {
            let (old, new) = (present?.due(event), key?.due(event))
            guard old != new else { continue }
            if let old { due[event]?.remove(old) }
            if let new { due[event, default: SortedSet()].insert(new) }
            if event == .expiry { replaceExpiry(old, with: new) }
        }
    }

    private mutating func replaceExpiry(_ old: Due?, with new: Due?) {
        if let old {
            expiries[old.key.account]?.remove(old)
            if expiries[old.key.account]?.count == 0 { expiries[old.key.account] = nil }
        }
        if let new { expiries[new.key.account, default: SortedSet()].insert(new) }
    }

    /// What happens first, at `now` or before, leaving out the keys of `exceptions`.
    func first(at now: Date, except exceptions: Set<KeyARN>) -> KeyARN? {
        due.values.compactMap { events in
            events.prefix { $0.date <= now }.first { !exceptions.contains($0.key) }
        }.min()?.key
    }

    /// The first `limit` keys to which `event` happens.
    func next(_ event: Event, limit: Int) -> [Due] { due[event]?.elements(after: nil, limit: limit) ?? [] }

    /// The first keys of each account whose material ends, and how many there are of all accounts together.
    func nextExpiries(limitForEach limit: Int) -> (first: [Due], count: Int) {
        (expiries.values.flatMap { $0.elements(after: nil, limit: limit) }.sorted(), due[.expiry]?.count ?? 0)
    }
}

extension KeySnapshot {
    fileprivate func due(_ event: KeyCensus.Event) -> KeyCensus.Due? {
        let date: Date? =
            switch (event, record.state) {
            case (.expiry, _): firstEnd
            case (.rotation, .enabled): record.rotation?.nextRotation
            case (.deletion, .pendingDeletion): record.deletionDate
            case (.completion, .creating), (.completion, .updating): .distantPast
            default: nil
            }
        return date.map { KeyCensus.Due(date: $0, key: arn) }
    }
}
