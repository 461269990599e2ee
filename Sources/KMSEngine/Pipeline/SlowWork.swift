import Dispatch
import KMSModel
import KMSStore
import ServiceLifecycle
import Synchronization

/// Computations that take from milliseconds to seconds: away from the event loops, where they would hold up every other
/// request.
///
/// Each kind is done one at a time, so that it never takes more than one core, and has a line of its own: a short one
/// does not wait behind long ones.
package struct SlowWork: Sendable {
    /// Making key pairs: up to seconds for a long RSA key.
    let keyGeneration = FairLine("chatelaine.key-generation")
    /// Opening what was wrapped under such a key: milliseconds.
    let unwrapping = FairLine("chatelaine.unwrapping")

    init() {}
}

/// A line of computations in which accounts take turns, so that one account's burst makes only itself wait.
final class FairLine: Sendable {
    /// How many computations of one account may wait; more are refused.
    private static let mostWaitingPerAccount = 16

    fileprivate struct Job: Sendable {
        let number: UInt64
        let run: @Sendable () -> Void
        let drop: @Sendable () -> Void
    }

    fileprivate struct Waiting {
        var jobs: [AccountID: [Job]] = [:]
        /// The accounts that have jobs, the one whose turn it is first.
        var turns: [AccountID] = []
        var isBusy = false
    }

    private let queue: DispatchQueue
    private let waiting = Mutex(Waiting())
    private let lastNumber = Atomic<UInt64>(0)

    init(_ label: String) { queue = DispatchQueue(label: label, qos: .utility) }

    /// Does `work` on a thread of the line's own once it is `account`'s turn.
    ///
    /// Work that still waits when the server shuts down, or when the calling task is cancelled, is not done.
    ///
    /// - Throws: ``KMSError`` with `ThrottlingException` when too much of the account's work is waiting, and
    ///   `DependencyTimeoutException`, which clients try again, for work that was not done.
    func result<Value: Sendable, Failure: Error>(
        for account: AccountID, _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(KMSError) -> Result<Value, Failure> {
        let number = lastNumber.add(1, ordering: .relaxed).newValue
        let answer = await withTaskCancellationOrGracefulShutdownHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Answer<Value, Failure>, Never>) in
                let job = Job(
                    number: number,
                    run: { continuation.resume(returning: .done(Result(catching: work))) },
                    drop: { continuation.resume(returning: .dropped) }
                )
                guard enter(job, for: account) else { return continuation.resume(returning: .refused) }
                // The handler may have run before the job was there to be dropped.
                if Task.isCancelled || Task.isShuttingDownGracefully { drop(number, of: account) }
            }
        } onCancelOrGracefulShutdown: {
            self.drop(number, of: account)
        }
        switch answer {
        case .done(let result): return result
        case .refused:
            throw KMSError(
                .throttling, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
            )
        case .dropped: throw KMSError(StoreError.unavailable("the server is shutting down"))
        }
    }

    private enum Answer<Value: Sendable, Failure: Error>: Sendable {
        case done(Result<Value, Failure>)
        case refused
        case dropped
    }

    private func enter(_ job: Job, for account: AccountID) -> Bool {
        let (isAccepted, startsWorking) = waiting.withLock { waiting in
            let count = waiting.jobs[account]?.count ?? 0
            guard count < Self.mostWaitingPerAccount else { return (false, false) }
            if count == 0 { waiting.turns.append(account) }
            waiting.jobs[account, default: []].append(job)
            defer { waiting.isBusy = true }
            return (true, !waiting.isBusy)
        }
        if startsWorking { queue.async { self.workOff() } }
        return isAccepted
    }

    private func workOff() {
        while let job = next() { job.run() }
    }

    /// Takes the job whose turn it is; the account goes to the end of the line.
    private func next() -> Job? {
        waiting.withLock { waiting in
            guard let account = waiting.turns.first, let job = waiting.remove(at: 0, of: account) else {
                waiting.isBusy = false
                return nil
            }
            if waiting.jobs[account] != nil {
                waiting.turns.removeFirst()
                waiting.turns.append(account)
            }
            return job
        }
    }

    private func drop(_ number: UInt64, of account: AccountID) {
        let job = waiting.withLock { waiting -> Job? in
            guard let index = waiting.jobs[account]?.firstIndex(where: { $0.number == number }) else { return nil }
            return waiting.remove(at: index, of: account)
        }
        job?.drop()
    }
}

extension FairLine.Waiting {
    /// Takes a job out; an account without jobs has no turn.
    fileprivate mutating func remove(at index: Int, of account: AccountID) -> FairLine.Job? {
        let job = jobs[account]?.remove(at: index)
        if jobs[account]?.isEmpty == true {
            jobs[account] = nil
            turns.removeAll { $0 == account }
        }
        return job
    }
}
