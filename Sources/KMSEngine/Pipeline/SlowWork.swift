import Dispatch
import Foundation
import KMSModel
import KMSStore
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Computations that take from a fifth of a millisecond to seconds: away from the event loops, where they would hold up
/// every other request.
///
/// Each kind has a line of its own: a short one does not wait behind long ones.
package struct SlowWork: Sendable {
    /// Making RSA keys: up to seconds.
    ///
    /// One at a time, and giving way to whoever else wants the processor.
    let keyGeneration = FairLine("chatelaine.key-generation", givingWay: true)
    /// Opening what was wrapped under such a key, and looking whether it is a key: up to a second.
    let unwrapping = FairLine("chatelaine.unwrapping", givingWay: true)
    /// Using key pairs: less than milliseconds, on all processors.
    let computation = FairLine(
        "chatelaine.computation", width: ProcessInfo.processInfo.activeProcessorCount, mostWaitingPerAccount: 1024
    )

    /// Looking through all keys of an account: up to seconds with the most that there may be.
    ///
    /// It does not give way: a thread that has to wait for a processor while it holds the directory's lock would hold up
    /// everybody who uses a key.
    let listing = FairLine("chatelaine.listing")

    init() {}
}

/// A line of computations in which accounts take turns, so that one account's burst makes only itself wait.
final class FairLine: Sendable {
    /// How much less of a contended processor a thread gets that gives way, as setpriority(2) counts it: about a tenth.
    private static let niceness: Int32 = 10

    fileprivate struct Job: Sendable {
        let number: UInt64
        let run: @Sendable () -> Void
        let drop: @Sendable () -> Void
    }

    fileprivate struct Waiting {
        var jobs: [AccountID: [Job]] = [:]
        /// The accounts that have jobs, the one whose turn it is first.
        var turns: [AccountID] = []
        /// How many threads are at work.
        var workers = 0
    }

    private let queue: DispatchQueue
    private let width: Int
    private let mostWaitingPerAccount: Int
    private let givesWay: Bool
    private let waiting = Mutex(Waiting())
    private let lastNumber = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - width: How many computations are done at a time.
    ///   - mostWaitingPerAccount: How many computations of one account may wait; more are refused.
    ///   - givesWay: Whether everybody else comes first when there are not enough processors.
    init(_ label: String, width: Int = 1, mostWaitingPerAccount: Int = 16, givingWay givesWay: Bool = false) {
        queue = DispatchQueue(label: label, attributes: .concurrent)
        self.width = width
        self.mostWaitingPerAccount = mostWaitingPerAccount
        self.givesWay = givesWay
    }

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
        case .refused: throw .throttled
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
            guard count < mostWaitingPerAccount else { return (false, false) }
            if count == 0 { waiting.turns.append(account) }
            waiting.jobs[account, default: []].append(job)
            guard waiting.workers < width else { return (true, false) }
            waiting.workers += 1
            return (true, true)
        }
        if startsWorking { startWorking() }
        return isAccepted
    }

    private func startWorking() {
        guard givesWay else { return queue.async { self.workOff() } }
        // A thread of its own, because one that has stepped back cannot come forward again.
        Thread.detachNewThread {
            #if canImport(Glibc)
                // On Linux this is the calling thread's alone (setpriority(2), "C library/kernel differences").
                _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
            #endif
            self.workOff()
        }
    }

    private func workOff() {
        while let job = next() { job.run() }
    }

    /// Takes the job whose turn it is; the account goes to the end of the line.
    private func next() -> Job? {
        waiting.withLock { waiting in
            guard let account = waiting.turns.first, let job = waiting.remove(at: 0, of: account) else {
                waiting.workers -= 1
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
