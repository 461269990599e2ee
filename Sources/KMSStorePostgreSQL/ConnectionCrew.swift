import Foundation
import KMSStore
import Synchronization

/// Threads that each have a connection of their own and do what is asked of the server, one thing after the other.
///
/// A connection never leaves its thread. One that fails is replaced when it is next needed.
final class ConnectionCrew: Sendable {
    /// How long something may wait for a thread: behind what waits for a server that is gone it would wait in vain.
    private static let patience = Duration.seconds(5)

    private struct Job: Sendable {
        let deadline: ContinuousClock.Instant
        let run: @Sendable (ConnectionSlot) -> Void
        let refuse: @Sendable () -> Void
    }

    private struct State {
        var jobs: [Job] = []
        var next = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let signal = DispatchSemaphore(value: 0)
    private let width: Int

    init(_ place: ServerPlace, width: Int) {
        self.width = width
        for number in 0..<width {
            let thread = Thread { [self] in
                let slot = ConnectionSlot(place)
                while let job = nextJob() {
                    if ContinuousClock.now > job.deadline { job.refuse() } else { job.run(slot) }
                }
            }
            thread.name = "store \(number)"
            thread.start()
        }
    }

    /// Does `work` on a thread of the crew.
    ///
    /// - Throws: ``StoreError``.
    func perform<Value: Sendable>(
        _ work: @escaping @Sendable (PostgreSQLConnection) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            let job = Job(
                deadline: .now + Self.patience,
                run: { slot in continuation.resume(returning: slot.perform(work)) },
                refuse: { continuation.resume(returning: .failure(.unavailable("the database is too slow"))) })
            let isTaken = state.withLock { state in
                guard !state.isClosed else { return false }
                state.jobs.append(job)
                return true
            }
            if isTaken {
                signal.signal()
            } else {
                continuation.resume(returning: .failure(.unavailable("the store is closed")))
            }
        }
        return try result.get()
    }

    /// Lets the threads end once they have done what was asked before.
    func close() {
        state.withLock { $0.isClosed = true }
        for _ in 0..<width { signal.signal() }
    }

    /// What is to be done next; nil when there will be nothing more.
    private func nextJob() -> Job? {
        signal.wait()
        return state.withLock { state in
            guard state.next < state.jobs.count else { return nil }
            defer {
                state.next += 1
                if state.next > 1000 {
                    state.jobs.removeFirst(state.next)
                    state.next = 0
                }
            }
            return state.jobs[state.next]
        }
    }
}

/// The place of a thread's connection.
final class ConnectionSlot {
    /// How often a transaction that met another is done anew.
    private static let mostAttempts = 10

    private let place: ServerPlace
    private var connection: PostgreSQLConnection?

    init(_ place: ServerPlace) { self.place = place }

    /// Does `work` on the connection; anew where that is safe and helps.
    func perform<Value>(_ work: (PostgreSQLConnection) throws -> Value) -> Result<Value, StoreError> {
        var attempt = 0
        while true {
            attempt += 1
            let isReused = connection != nil
            do {
                let connection = try open()
                defer { if connection.isBroken { self.connection = nil } }
                return .success(try work(connection))
            } catch let error as PostgreSQLError {
                let isStale = isReused && error.endsConnection && !error.isOfCommit && attempt == 1
                guard attempt < Self.mostAttempts, isStale || error.isWorthRetrying else {
                    return .failure(error.storeError)
                }
                if error.isWorthRetrying { usleep(UInt32.random(in: 1000...(5000 * UInt32(attempt)))) }
            } catch let error as StoreError {
                return .failure(error)
            } catch {
                return .failure(.corrupt("\(error)"))
            }
        }
    }

    private func open() throws -> PostgreSQLConnection {
        if let connection { return connection }
        let opened = try PostgreSQLConnection(to: place)
        // A lock that is held for longer belongs to a node that is in trouble. A time limit for whole statements would end
        // the wait for a synchronous standby too, and that with success.
        try opened.execute("SET lock_timeout = '4s'")
        connection = opened
        return opened
    }
}
