import Dispatch
import Foundation
package import KMSModel
import KMSStore
import Synchronization
import TaskResumption

#if canImport(Glibc)
    import Glibc
#endif

/// A line of computations in which accounts take turns, so that one account's burst makes only itself wait.
///
/// Its threads are its own: what hangs there holds up nobody in another line.
package final class FairLine: Sendable {
    /// How much less of a contended processor a thread gets that gives way, as setpriority(2) counts it: about a tenth.
    private static let niceness: Int32 = 10
    /// How long a thread waits for more to do before it ends, in seconds.
    private static let patience = 10.0

    fileprivate struct Job: Sendable {
        let number: UInt64
        /// Where the task goes on that waits for it, if it prefers any.
        let executor: UnownedTaskExecutor?
        /// Does it, and returns what tells whoever waits for it.
        let run: @Sendable () -> ResultGroup.Telling
        /// Answers whoever waits for it, if nobody did yet.
        let interrupt: @Sendable (Interruption) -> Void
    }

    /// Why somebody has no result.
    fileprivate enum Interruption: Error {
        case refused
        case ended
        case abandoned
    }

    fileprivate struct State {
        var jobs: [AccountID: [Job]] = [:]
        /// The accounts that have jobs, the one whose turn it is first.
        var turns: [AccountID] = []
        /// What is being done, and how often it was seen so.
        var running: [UInt64: (job: Job, looks: Int)] = [:]
        var threadCount = 0
        /// How many of the threads wait for something to do.
        var idleCount = 0
        /// Why nothing is taken any more.
        var end: Interruption?
    }

    private enum Entry {
        case waits
        case wakesThread
        case startsThread
        case isNone(Interruption)
    }

    private let label: String
    private let width: Int
    private let mostWaitingPerAccount: Int
    private let givesWay: Bool
    private let results: Mutex<ResultGroup>
    private let state = Mutex(State())
    private let lastNumber = Atomic<UInt64>(0)
    /// Raised once for each thread that was counted out of the idle ones.
    private let call = DispatchSemaphore(value: 0)

    /// Has no thread yet.
    ///
    /// - Parameters:
    ///   - width: How many computations are done at a time.
    ///   - mostWaitingPerAccount: How many computations of one account may wait; more are refused.
    ///   - givesWay: Whether everybody else comes first when there are not enough processors.
    ///   - mostTogether: How many results there may be before some are told (``ResultGroup``), while there is more to
    ///     do: for computations that end soon, whatever happens, in a line that is not abandoned. A result waits for
    ///     ``ResultGroup/patience`` and one computation at the most.
    package init(
        _ label: String, width: Int = 1, mostWaitingPerAccount: Int = 16, givingWay givesWay: Bool = false,
        mostTogether: Int = 1
    ) {
        self.label = label
        self.width = width
        self.mostWaitingPerAccount = mostWaitingPerAccount
        self.givesWay = givesWay
        results = Mutex(ResultGroup(most: mostTogether))
    }

    /// Does `work` on a thread of the line's own once it is `account`'s turn.
    ///
    /// Work that still waits when the line ends, or when the calling task is cancelled, is not done.
    ///
    /// - Parameters:
    ///   - abandonment: What is thrown when the line is abandoned.
    ///   - undo: Called with the value of work that was done when nobody waited for it any more.
    /// - Throws: ``KMSError`` with `ThrottlingException` when too much of the account's work is waiting, and
    ///   `DependencyTimeoutException`, which clients try again, for work that was not done.
    package func result<Value: Sendable, Failure: Error>(
        for account: AccountID, orAfterAbandonment abandonment: KMSError = .ending,
        undoing undo: @escaping @Sendable (Value) -> Void = { _ in },
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(KMSError) -> Result<Value, Failure> {
        let number = lastNumber.add(1, ordering: .relaxed).newValue
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Answer<Value, Failure>, Never>) in
                let waiter = Waiter(continuation)
                let job = Job(
                    number: number,
                    executor: executor,
                    run: {
                        let result = Result(catching: work)
                        return {
                            if !waiter.answer(.success(result)), case .success(let value) = result { undo(value) }
                        }
                    },
                    interrupt: { waiter.answer(.failure($0)) }
                )
                enter(job, for: account)
                // The handler may have run before the job was there to be dropped.
                if Task.isCancelled { drop(number, of: account) }
            }
        } onCancel: {
            drop(number, of: account)
        }
        switch answer {
        case .success(let result): return result
        case .failure(.refused): throw .throttled
        case .failure(.ended): throw .ending
        case .failure(.abandoned): throw abandonment
        }
    }

    /// Looks at what is being done.
    ///
    /// Counted are looks and not time, of which much may pass while the whole process stands still.
    ///
    /// - Returns: How many looks in a row have seen the same, at the most.
    package func look() -> Int {
        state.withLock { state in
            for number in state.running.keys { state.running[number]?.looks += 1 }
            return state.running.values.map(\.looks).max() ?? 0
        }
    }

    /// Does nothing more that still waits; what is being done is brought to its end.
    package func end() { for job in close(.ended) { job.interrupt(.ended) } }

    /// Lets nobody wait any longer, neither for what waits nor for what is being done; its threads end when that lets them.
    package func abandon() {
        let waiting = close(.abandoned)
        let running = state.withLock { $0.running.values.map(\.job) }
        for job in waiting + running { job.interrupt(.abandoned) }
    }

    /// How many computations are being done.
    package var runningCount: Int { state.withLock { $0.running.count } }

    /// How many computations wait for their turn.
    package var waitingCount: Int { state.withLock { $0.jobs.values.reduce(0) { $0 + $1.count } } }

    private func close(_ end: Interruption) -> [Job] {
        state.withLock { state in
            state.end = end
            defer { (state.jobs, state.turns) = ([:], []) }
            return state.jobs.values.flatMap(\.self)
        }
    }

    private func enter(_ job: Job, for account: AccountID) {
        let entry = state.withLock { state -> Entry in
            if let end = state.end { return .isNone(end) }
            let count = state.jobs[account]?.count ?? 0
            guard count < mostWaitingPerAccount else { return .isNone(.refused) }
            if count == 0 { state.turns.append(account) }
            state.jobs[account, default: []].append(job)
            if state.idleCount > 0 {
                state.idleCount -= 1
                return .wakesThread
            }
            guard state.threadCount < width else { return .waits }
            state.threadCount += 1
            return .startsThread
        }
        switch entry {
        case .waits: break
        case .wakesThread: call.signal()
        case .startsThread: startThread()
        case .isNone(let interruption): job.interrupt(interruption)
        }
    }

    private func drop(_ number: UInt64, of account: AccountID) {
        let job = state.withLock { state -> Job? in
            guard let index = state.jobs[account]?.firstIndex(where: { $0.number == number }) else { return nil }
            return state.remove(at: index, of: account)
        }
        job?.interrupt(.ended)
    }

    // MARK: Threads

    private func startThread() {
        let thread = Thread { [self] in
            // Not before it runs: only then the system hears of it, which has room for fifteen bytes (pthread_setname_np(3)).
            Thread.current.name = String(label.prefix(15))
            #if canImport(Glibc)
                // On Linux this is the calling thread's alone (setpriority(2), "C library/kernel differences").
                if givesWay { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness) }
            #endif
            repeat { workOff() } while isCalled()
        }
        thread.start()
    }

    /// Does what waits, until nothing does.
    private func workOff() {
        var done: UInt64?
        while let job = next(after: done) {
            let result = job.run()
            let now = ContinuousClock.now
            tell(results.withLock { $0.added(result, for: job.executor, at: now) })
            done = job.number
        }
        tell(results.withLock { $0.taken() })
    }

    private func tell(_ results: [ResultGroup.Telling]) {
        guard !results.isEmpty else { return }
        Resumption.together { for tell in results { tell() } }
    }

    /// Takes the job whose turn it is; the account goes to the end of the line.
    private func next(after done: UInt64?) -> Job? {
        // What a job holds on to may be a device's, and to let go of it takes as long as that likes: not under the lock.
        let (finished, next) = state.withLock { state -> (Job?, Job?) in
            let finished = done.flatMap { state.running.removeValue(forKey: $0)?.job }
            guard let account = state.turns.first, let job = state.remove(at: 0, of: account) else {
                state.idleCount += 1
                return (finished, nil)
            }
            if state.jobs[account] != nil {
                state.turns.removeFirst()
                state.turns.append(account)
            }
            state.running[job.number] = (job, 0)
            return (finished, job)
        }
        return withExtendedLifetime(finished) { next }
    }

    /// Waits for more to do, which there may be none of for so long that the thread ends.
    private func isCalled() -> Bool {
        if call.wait(timeout: .now() + Self.patience) == .success { return true }
        let ends = state.withLock { state in
            guard state.idleCount > 0 else { return false }
            state.idleCount -= 1
            state.threadCount -= 1
            return true
        }
        if ends { return false }
        // Somebody has counted on this thread just now.
        call.wait()
        return true
    }
}

extension FairLine {
    private typealias Answer<Value: Sendable, Failure: Error> = Result<Result<Value, Failure>, Interruption>

    /// Who waits for a job: answered once, by whoever comes first.
    private final class Waiter<Value: Sendable, Failure: Error>: Sendable {
        private let continuation: Mutex<CheckedContinuation<Answer<Value, Failure>, Never>?>

        init(_ continuation: CheckedContinuation<Answer<Value, Failure>, Never>) {
            self.continuation = Mutex(continuation)
        }

        /// - Returns: Whether this is the answer.
        @discardableResult
        func answer(_ answer: Answer<Value, Failure>) -> Bool {
            guard let continuation = continuation.withLock({ $0.take() }) else { return false }
            continuation.resume(returning: answer)
            return true
        }
    }
}

extension FairLine.State {
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

extension KMSError {
    /// What is not done any more: clients try it again, and find another server, or this one started again.
    package static let ending = KMSError(StoreError.unavailable("the server is shutting down"))
}
