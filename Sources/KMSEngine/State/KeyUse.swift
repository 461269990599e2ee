package import KMSModel
import Synchronization

/// The last time that a key was used, as memory knows it.
///
/// Every snapshot of a key holds the same one. Noting a use costs a lock that nobody else wants; the store learns of it
/// later, with those of other keys (``UseJournal``).
package final class KeyUse: Sendable {
    private struct State {
        var last: Note?
        /// Whether the journal has this one already.
        var isWaiting = false
    }

    /// A record of its own place in memory: most keys that are there are not used for long.
    private final class Note: Sendable {
        let record: KeyUsageRecord

        init(_ record: KeyUsageRecord) { self.record = record }
    }

    private let state: Mutex<State>

    /// - Parameter last: What the store remembers.
    package init(_ last: KeyUsageRecord? = nil) { state = Mutex(State(last: last.map(Note.init))) }

    /// The last use, or nil when there was none.
    package var last: KeyUsageRecord? { state.withLock { $0.last?.record } }

    /// Remembers `use`, and puts it down in `journal`.
    func note(_ use: KeyUsageRecord, in journal: UseJournal) {
        let isNew = state.withLock { state in
            // Two requests may end in another order than they began.
            if let last = state.last?.record, last.date > use.date { return false }
            state.last = Note(use)
            defer { state.isWaiting = true }
            return !state.isWaiting
        }
        if isNew, !journal.add(self) { state.withLock { $0.isWaiting = false } }
    }

    /// Takes what the store remembers, if that is later: another node may have seen it.
    func learn(_ stored: KeyUsageRecord?) {
        guard let stored else { return }
        state.withLock { state in
            if let last = state.last?.record, last.date >= stored.date { return }
            state.last = Note(stored)
        }
    }

    /// The last use, which the store is about to learn.
    fileprivate func take() -> KeyUsageRecord? {
        state.withLock { state in
            state.isWaiting = false
            return state.last?.record
        }
    }
}

/// The keys that were used since the store last heard of it.
package final class UseJournal: Sendable {
    /// How many wait at the most: where nearly each request is for another key, the store may not take them as fast as they
    /// come.
    private static let limit = 50_000

    private let waiting = Mutex<[KeyUse]>([])

    init() {}

    /// - Returns: False when there is no room: the key's next use is put down instead.
    fileprivate func add(_ use: KeyUse) -> Bool {
        waiting.withLock { waiting in
            guard waiting.count < Self.limit else { return false }
            waiting.append(use)
            return true
        }
    }

    /// The last use of at most `limit` keys, which are then no longer waiting.
    func take(_ limit: Int) -> [KeyUsageRecord] {
        let taken = waiting.withLock { waiting in
            let taken = Array(waiting.prefix(limit))
            waiting.removeFirst(taken.count)
            return taken
        }
        return taken.compactMap { $0.take() }
    }
}
