import Dispatch
import KMSModel
import Synchronization

/// Turns at reading the audit log, on a thread of its own: one at a time, and those of accounts one after the other, so that
/// whoever searches much waits for itself.
final class SearchTurns: Sendable {
    private typealias Turn = @Sendable () -> Void

    private struct State {
        /// How many searches of an account are under way.
        var searches: [AccountID: Int] = [:]
        /// Turns that were not had yet, by account, the first one first.
        var waiting: [AccountID: [Turn]] = [:]
        /// The accounts that have such, in the order in which they come.
        var order: [AccountID] = []
    }

    /// How many searches an account can have at a time: one that has its turns, and two that wait for it.
    static let mostPerAccount = 3

    private let state = Mutex(State())
    private let reader = DispatchQueue(label: "audit-trail")

    /// Begins a search of an account.
    ///
    /// - Returns: Whether it may; whoever may says later that it is over.
    func begin(_ account: AccountID) -> Bool {
        state.withLock { state in
            guard state.searches[account, default: 0] < Self.mostPerAccount else { return false }
            state.searches[account, default: 0] += 1
            return true
        }
    }

    /// Ends a search of an account.
    func end(_ account: AccountID) {
        state.withLock { state in
            let count = state.searches[account, default: 1] - 1
            state.searches[account] = count > 0 ? count : nil
        }
    }

    /// Does `body`, which should not take long, when it is the account's turn.
    func take<Result: Sendable>(
        _ account: AccountID, _ body: @escaping @Sendable () -> Result
    ) async -> Result {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if state.waiting[account] == nil { state.order.append(account) }
                state.waiting[account, default: []].append { continuation.resume(returning: body()) }
            }
            reader.async { [self] in next()() }
        }
    }

    /// Takes the turn that comes now: there is one for each time that somebody asked.
    private func next() -> Turn {
        state.withLock { state in
            let account = state.order.removeFirst()
            guard var turns = state.waiting.removeValue(forKey: account) else { return {} }
            let turn = turns.removeFirst()
            if !turns.isEmpty {
                state.waiting[account] = turns
                state.order.append(account)
            }
            return turn
        }
    }
}
