import Dispatch
import Foundation
import Glibc
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite
import Synchronization
import TaskResumption
import Testing

/// Those whose results come together go on together.
@Suite(.timeLimit(.minutes(1))) struct ResumedTurnTests {
    /// An executor that counts how many tasks went on in each of its turns.
    private final class CountingExecutor: ResumptionExecutor {
        private let queue = DispatchQueue(label: "turns")
        private let counts = Mutex<[Int]>([])

        var turns: [Int] { counts.withLock { $0 } }

        func run(_ jobs: [UnownedJob]) {
            counts.withLock { $0.append(jobs.count) }
            queue.async { for job in jobs { job.runSynchronously(on: self.asUnownedTaskExecutor()) } }
        }
    }

    /// How many of many tasks that do this at a time went on in each turn.
    private static func turns(of work: @escaping @Sendable (Int) async throws -> Void) async throws -> [Int] {
        let executor = CountingExecutor()
        try await withThrowingTaskGroup { group in
            for number in 0..<64 { group.addTask(executorPreference: executor) { try await work(number) } }
            try await group.waitForAll()
        }
        return executor.turns
    }

    @Test func `results of a line are told together`() async throws {
        let account = try #require(AccountID("111122223333"))
        let line = FairLine("turns", mostWaitingPerAccount: 64, mostTogether: 8)
        let turns = try await Self.turns { number in
            let result: Result<Int, Never> = try await line.result(for: account) {
                // Long enough for others to come meanwhile.
                usleep(1000)
                return number
            }
            #expect(result.get() == number)
        }
        #expect(turns.contains { $0 > 1 }, "\(turns)")
    }

    @Test func `a line tells results of one executor before those of another`() async throws {
        // A thread that the system lets stand between two of them tells the first alone.
        var seen: [[[Int]]] = []
        repeat { seen.append(try await Self.turnsOfTwo()) } while seen.last != [[2], []] && seen.count < 20
        #expect(seen.last == [[2], []], "\(seen)")
    }

    /// How many tasks of two executors go on together that wait for the results of a line which has more to do: two of
    /// the first and, between them, one of the second.
    private static func turnsOfTwo() async throws -> [[Int]] {
        let account = try #require(AccountID("111122223333"))
        let line = FairLine("two", mostTogether: 3)
        let executors = [CountingExecutor(), CountingExecutor()]
        let (begins, ends, hasBegun) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        let last: @Sendable () -> Void = {
            hasBegun.signal()
            ends.wait()
        }
        let works: [@Sendable () -> Void] = [{ begins.wait() }, {}, {}, last]
        return await withTaskGroup { group in
            for (number, executor) in [executors[0], executors[1], executors[0], executors[1]].enumerated() {
                group.addTask(executorPreference: executor) { _ = try? await line.result(for: account, works[number]) }
                // In this order one that has just begun is not counted twice.
                while line.runningCount + line.waitingCount <= number { await Task.yield() }
            }
            let starts = executors.map(\.turns.count)
            begins.signal()
            while hasBegun.wait(timeout: .now()) != .success { await Task.yield() }
            defer { ends.signal() }
            return zip(executors, starts).map { Array($0.turns.dropFirst($1)) }
        }
    }

    @Test func `changes that were committed together go on together`() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let store = try await SQLiteStore.open(in: directory.path)
            let turns = try await Self.turns { number in
                try await store.commit(Change([.insertSetting("number \(number)", [1])]))
            }
            try await store.close()
            #expect(turns.contains { $0 > 1 }, "\(turns)")
        }
    }

    @Test func `who waits for one sync of the audit log goes on together`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let log = try box.open()
            let turns = try await Self.turns { number in try await log.append(box.record(number), .now) }
            log.close()
            #expect(turns.contains { $0 > 1 }, "\(turns)")
        }
    }
}
