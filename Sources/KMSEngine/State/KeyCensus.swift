import Foundation
import KMSAccess
import KMSModel
import KMSStore

/// What kinds of keys there are, and what time will bring to each: kept up to date with every change, because counting
/// when somebody asks would hold up requests.
struct KeyCensus {
    private(set) var counts: [KeyKind: Int] = [:]
    private var due: [KeyEvent: SortedSet<KeyDue>] = [:]
    /// So that the keys of one account do not stand before those of others.
    private var expiries: [AccountID: SortedSet<KeyDue>] = [:]

    /// Puts `key`, or nothing, in the place of the one that was there.
    mutating func replace(_ present: KeySnapshot?, with key: KeySnapshot?) {
        if let present {
            let kind = KeyKind(present.record)
            let count = counts[kind, default: 0] - 1
            counts[kind] = count > 0 ? count : nil
        }
        if let key { counts[KeyKind(key.record), default: 0] += 1 }
        for event in KeyEvent.allCases {
            let (old, new) = (present?.due(event), key?.due(event))
            guard old != new else { continue }
            if let old { due[event]?.remove(old) }
            if let new { due[event, default: SortedSet()].insert(new) }
            if event == .expiry { replaceExpiry(old, with: new) }
        }
    }

    /// Adds keys that are not there yet.
    mutating func insert(_ keys: [KeySnapshot]) {
        // Most are of one kind.
        var run: (kind: KeyKind, count: Int)?
        for key in keys {
            let kind = KeyKind(key.record)
            if let known = run, known.kind == kind {
                run = (kind, known.count + 1)
            } else {
                if let run { counts[run.kind, default: 0] += run.count }
                run = (kind, 1)
            }
        }
        if let run { counts[run.kind, default: 0] += run.count }
        for event in KeyEvent.allCases {
            let new = keys.compactMap { $0.due(event) }
            if !new.isEmpty { due[event, default: SortedSet()].insert(contentsOf: new) }
            guard event == .expiry else { continue }
            for (account, new) in Dictionary(grouping: new, by: \.key.account) {
                expiries[account, default: SortedSet()].insert(contentsOf: new)
            }
        }
    }

    private mutating func replaceExpiry(_ old: KeyDue?, with new: KeyDue?) {
        if let old {
            expiries[old.key.account]?.remove(old)
            if expiries[old.key.account]?.count == 0 { expiries[old.key.account] = nil }
        }
        if let new { expiries[new.key.account, default: SortedSet()].insert(new) }
    }

    /// What happens first, at `now` or before, leaving out the keys of `exceptions`.
    func first(at now: Date, except exceptions: Set<KeyARN>) -> KeyARN? {
        due.values.compactMap { events in
            events.first(while: { $0.date <= now }, where: { !exceptions.contains($0.key) })
        }.min()?.key
    }

    /// The first `limit` keys to which `event` happens.
    func next(_ event: KeyEvent, limit: Int) -> [KeyDue] { due[event]?.elements(after: nil, limit: limit) ?? [] }

    /// The first keys of each account whose material ends, and how many there are of all accounts together.
    func nextExpiries(limitForEach limit: Int) -> (first: [KeyDue], count: Int) {
        (expiries.values.flatMap { $0.elements(after: nil, limit: limit) }.sorted(), due[.expiry]?.count ?? 0)
    }
}

extension KeySnapshot {
    fileprivate func due(_ event: KeyEvent) -> KeyDue? {
        let date: Date? =
            switch (event, record.state) {
            case (.expiry, _): firstEnd
            case (.rotation, .enabled): record.rotation?.nextRotation
            case (.deletion, .pendingDeletion): record.deletionDate
            case (.completion, .creating), (.completion, .updating): .distantPast
            default: nil
            }
        return date.map { KeyDue(date: $0, key: arn) }
    }
}

extension KeyKind {
    fileprivate init(_ key: KeyRecord) {
        self.init(state: key.state, spec: key.spec, origin: key.origin, manager: key.manager)
    }
}
