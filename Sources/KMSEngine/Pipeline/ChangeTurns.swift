import KMSModel
import Synchronization

/// Lets changes of the same thing happen one after another, in the order in which they came.
///
/// The store refuses a change that was made from an older version of what it touches. Of many changes of one key at a time
/// it would refuse all but one, again and again; in turns, each is made from what the one before it left.
final class ChangeTurns: Sendable {
    private typealias Waiter = CheckedContinuation<Void, Never>

    /// Who waits for each thing that is being changed.
    private let waiting = Mutex<[String: [Waiter]]>([:])

    /// Does `work` while nobody else is in turn at any of `things`.
    func inTurn<Value, Failure: Error>(
        at things: Set<String>, isolation: isolated (any Actor)? = #isolation,
        _ work: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        // All wait in one order, so that none of them waits for one that waits for it.
        let things = things.sorted()
        for thing in things { await begin(thing) }
        defer { things.forEach(end) }
        return try await work()
    }

    private func begin(_ thing: String) async {
        await withCheckedContinuation { (waiter: Waiter) in
            let isFree = waiting.withLock { waiting in
                guard waiting[thing] != nil else {
                    waiting[thing] = []
                    return true
                }
                waiting[thing]?.append(waiter)
                return false
            }
            if isFree { waiter.resume() }
        }
    }

    private func end(_ thing: String) {
        let next = waiting.withLock { waiting -> Waiter? in
            guard let line = waiting[thing], !line.isEmpty else {
                waiting[thing] = nil
                return nil
            }
            return waiting[thing]?.removeFirst()
        }
        next?.resume()
    }
}

extension KeyARN {
    /// What changes of the key are in turn at; related keys of all regions change together.
    var turn: String { keyID.description }
}

extension Access {
    /// What changes of this are in turn at.
    var turn: String? {
        switch resource {
        case .key(let key, _), .keyOfCiphertext(let key), .grant(let key, _): key.arn.turn
        case .alias(let alias): alias.description
        case .identity, .account, .hidden: nil
        }
    }
}
