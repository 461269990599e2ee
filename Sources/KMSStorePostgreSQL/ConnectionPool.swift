import Dispatch
import KMSStore
import Synchronization

/// A handful of connections that are lent to one caller each, and each with a thread on which it may wait for the server.
final class ConnectionPool: Sendable {
    typealias Loan = Result<PostgreSQLConnection, StoreError>

    fileprivate struct Waiter {
        let ticket: UInt64
        let continuation: CheckedContinuation<Loan, Never>
    }

    fileprivate struct State {
        var idle: [PostgreSQLConnection] = []
        var lent: [ObjectIdentifier: PostgreSQLConnection] = [:]
        /// Of those that are idle, lent, or being opened.
        var count = 0
        var openingCount = 0
        var waiters: [Waiter] = []
        var lastTicket: UInt64 = 0
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    /// How long a server may be silent, and how long a caller waits for a connection.
    let patience: Duration
    private let location: PostgreSQLLocation
    private let node: String
    private let state = Mutex(State())
    /// How many connections there are at the most: the server pays for each.
    private let limit: Int
    /// For what has a time, and never waits for anything.
    private static let timer = DispatchQueue(label: "chatelaine.postgresql.timer")

    /// How long an end waits for answers of the server.
    private static let farewell = 5
    /// How many callers wait at the most.
    private static let waiterLimit = 4096

    init(_ location: PostgreSQLLocation, node: String, patience: Duration, limit: Int) {
        self.location = location
        self.node = node
        self.patience = patience
        self.limit = limit
    }

    private static let closed = StoreError.unavailable("the store is closed")

    // MARK: Use

    /// Does `work` with a connection, on a thread that may wait, whatever becomes of the calling task.
    ///
    /// - Parameter patience: How long the server may be silent, if that is not the usual time. Then the work ends with the
    ///   calling task.
    func perform<Value: Sendable>(
        patience: Duration?, _ work: @escaping @Sendable (PostgreSQLConnection) throws -> Value
    ) async throws(StoreError) -> Result<Value, any Error> {
        let connection = try await borrow().get()
        let cancellation = patience.map { _ in PostgreSQLConnection.Cancellation() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                connection.thread.async {
                    connection.patience = patience ?? self.patience
                    connection.cancellation = cancellation
                    let result = Result { try work(connection) }
                    connection.settle()
                    self.take(back: connection)
                    continuation.resume(returning: result)
                }
            }
        } onCancel: {
            cancellation?.cancel()
        }
    }

    /// Returns after a while.
    func pause(_ duration: Duration) async {
        await withCheckedContinuation { continuation in
            Self.timer.asyncAfter(deadline: .now() + duration / .seconds(1)) { continuation.resume() }
        }
    }

    /// Lets go of the connections, the lent ones when they are back, or after a while; nobody gets one any more.
    func close() async {
        let (waiters, idle) = state.withLock { state in
            let (waiters, idle) = (state.waiters, state.idle)
            state.isClosed = true
            state.waiters = []
            state.idle = []
            state.count -= idle.count
            return (waiters, idle)
        }
        discard(idle)
        for waiter in waiters { waiter.continuation.resume(returning: .failure(Self.closed)) }
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.count > 0 { state.closers.append(continuation) }
                return state.count == 0
            }
            if isDone { return continuation.resume() }
            Self.timer.asyncAfter(deadline: .now() + .seconds(Self.farewell)) { self.giveUpLoans() }
            // Nothing ends the wait of one that is being opened.
            Self.timer.asyncAfter(deadline: .now() + .seconds(Self.farewell + 2)) { self.finishClosing(early: true) }
        }
    }

    private func giveUpLoans() {
        let lent = state.withLock { Array($0.lent.values) }
        for connection in lent { connection.giveUp() }
    }

    // MARK: Lending

    private enum Answer {
        case now(Loan)
        /// Later, and by this time or never.
        case later(ticket: UInt64, opensAnother: Bool)
    }

    private func borrow() async -> Loan {
        await withCheckedContinuation { continuation in
            var answer = askForLoan(continuation)
            while case .now(.success(let connection)) = answer, !connection.isQuiet {
                // The server has ended it while nobody looked.
                drop(connection)
                answer = askForLoan(continuation)
            }
            switch answer {
            case .now(let loan): continuation.resume(returning: loan)
            case .later(let ticket, let opensAnother):
                Self.timer.asyncAfter(deadline: .now() + patience / .seconds(1)) { self.giveUp(ticket) }
                if opensAnother { open() }
            }
        }
    }

    private func askForLoan(_ continuation: CheckedContinuation<Loan, Never>) -> Answer {
        state.withLock { state in
            guard !state.isClosed else { return .now(.failure(Self.closed)) }
            if let connection = state.idle.popLast() {
                state.lent[ObjectIdentifier(connection)] = connection
                return .now(.success(connection))
            }
            guard state.waiters.count < Self.waiterLimit else {
                return .now(.failure(.unavailable("too many calls wait for the database")))
            }
            state.lastTicket += 1
            state.waiters.append(Waiter(ticket: state.lastTicket, continuation: continuation))
            return .later(ticket: state.lastTicket, opensAnother: state.opensAnother(limit: limit))
        }
    }

    private func giveUp(_ ticket: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(
            returning: .failure(.unavailable("the database had no connection free for \(patience)")))
    }

    /// Lends the connection to the next who waits, or keeps it.
    private func take(back connection: PostgreSQLConnection) {
        guard !connection.isBroken else {
            // What happened to one may have happened to all, and to find that out takes each its time.
            let idle = state.withLock { state in
                defer { state.idle = [] }
                state.count -= state.idle.count
                return state.idle
            }
            discard(idle)
            drop(connection)
            return
        }
        lend(connection)
    }

    private func lend(_ connection: PostgreSQLConnection) {
        let (waiter, isClosed) = state.withLock { state -> (Waiter?, Bool) in
            if state.isClosed { return (nil, true) }
            if let waiter = state.waiters.first {
                state.waiters.removeFirst()
                state.lent[ObjectIdentifier(connection)] = connection
                return (waiter, false)
            }
            state.lent[ObjectIdentifier(connection)] = nil
            state.idle.append(connection)
            return (nil, false)
        }
        if isClosed { drop(connection) }
        waiter?.continuation.resume(returning: .success(connection))
    }

    /// Lets go of a connection that was lent, and opens another if somebody waits for one.
    private func drop(_ connection: PostgreSQLConnection) {
        discard([connection])
        let opensAnother = state.withLock { state in
            state.lent[ObjectIdentifier(connection)] = nil
            state.count -= 1
            return state.opensAnother(limit: limit)
        }
        if opensAnother { open() }
        finishClosing()
    }

    /// Ends connections on threads that may wait.
    private func discard(_ connections: [PostgreSQLConnection]) {
        for connection in connections { connection.thread.async { withExtendedLifetime(connection) {} } }
    }

    private func finishClosing(early: Bool = false) {
        let closers = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.isClosed, early || state.count == 0 else { return [] }
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }

    // MARK: Opening

    private func open() {
        let thread = DispatchQueue(label: "chatelaine.postgresql")
        thread.async { [self] in
            do {
                let connection = try PostgreSQLConnection(to: location, node: node, patience: patience, on: thread)
                state.withLock { $0.openingCount -= 1 }
                lend(connection)
            } catch {
                refuse(StoreError(error))
            }
        }
    }

    /// Tells everybody who waits that there is no connection to be had, unless others are still in use.
    private func refuse(_ error: StoreError) {
        let waiters = state.withLock { state -> [Waiter] in
            state.openingCount -= 1
            state.count -= 1
            guard state.count == state.openingCount else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(error)) }
        finishClosing()
    }
}

extension ConnectionPool.State {
    /// Whether another connection is to be opened for those who wait; counts it if so.
    fileprivate mutating func opensAnother(limit: Int) -> Bool {
        guard !isClosed, count < limit, openingCount < waiters.count else { return false }
        count += 1
        openingCount += 1
        return true
    }
}
