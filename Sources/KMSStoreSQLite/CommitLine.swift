import GRDB
import KMSStore
import KMSStoreSQL
import Synchronization

/// The changes that wait to be committed: those that come while others are being written are next, in one transaction, so
/// that the disk is waited for once for all of them.
final class CommitLine: Sendable {
    /// A change, and who waits for it.
    struct Waiter: Sendable {
        let change: Change
        let answer: CheckedContinuation<Result<Void, StoreError>, Never>
    }

    /// How many are committed together at the most: the first of them waits for the last.
    private static let groupSize = 64

    private let waiters = Mutex<[Waiter]>([])

    /// - Returns: Whether nobody else is about to take what waits.
    func join(_ waiter: Waiter) -> Bool {
        waiters.withLock { waiters in
            waiters.append(waiter)
            return waiters.count == 1
        }
    }

    /// Takes those that have waited longest.
    ///
    /// - Returns: Also whether others wait, which whoever has taken these has to take next.
    func take() -> (group: [Waiter], isMore: Bool) {
        waiters.withLock { waiters in
            let group = Array(waiters.prefix(Self.groupSize))
            waiters.removeFirst(group.count)
            return (group, !waiters.isEmpty)
        }
    }
}

extension StoreError {
    /// The same where it is certain that nothing was written.
    fileprivate var undone: StoreError { if case .unavailable(let text) = self { .undone(text) } else { self } }
}

extension Database {
    /// Commits these changes in one transaction; when one of them cannot be, each in its own, as if it had come by itself.
    ///
    /// - Returns: What became of each.
    func commit(_ changes: [Change]) -> [Result<Void, StoreError>] {
        // Whether nothing was committed for sure, and others may be better off without one of them.
        var isEachItsOwn = true
        let together = Result.refusing {
            do {
                try inTransaction(.immediate) {
                    let connection = SQLiteConnection(self)
                    for change in changes { try connection.apply(change) }
                    isEachItsOwn = false
                    return .commit
                }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
                // What is written with COMMIT may be too much for the disk because of one of them. Then its last frame is not
                // whole, as long as SQLite is built with powersafe overwrite, which it is by default.
                isEachItsOwn = true
                throw error
            }
        }
        guard case .failure(let error) = together, isEachItsOwn, !isInsideTransaction else {
            return changes.map { _ in together }
        }
        guard changes.count > 1 else { return [.failure(error.undone)] }
        return changes.flatMap { commit([$0]) }
    }
}
