import CPostgreSQL
import Dispatch
import Glibc
import KMSStore
import KMSStoreSQL
import Synchronization

/// One connection to a server.
///
/// Calls block until the server has answered, or has been silent for too long: then the connection is given up. Statements
/// go out together and their answers are awaited together, so a transaction costs two journeys and not one for each.
@safe final class PostgreSQLConnection {
    private let connection: OpaquePointer
    private let warnings = Warnings()
    /// The names of the statements that the server has prepared.
    private var names: [StatementKey: String] = [:]
    private var preparedCount = 0
    /// Whether it has failed in a way that it does not come back from.
    private(set) var isBroken = false
    /// How long the server may be silent.
    var patience: Duration
    private var deadline = ContinuousClock.now
    /// Whether nobody uses it any more.
    private let isGivenUp = Atomic(false)
    /// What ends the present work early.
    var cancellation: Cancellation?
    /// The one thread on which it is used: a queue that does one thing after the other has its own.
    let thread: DispatchQueue
    let node: String?

    private struct StatementKey: Hashable {
        let sql: String
        let types: [Oid]
    }

    /// Whether nobody waits for the end of some work any more; it may be another's turn by then.
    final class Cancellation: Sendable {
        private let flag = Atomic(false)

        var isCancelled: Bool { flag.load(ordering: .relaxed) }

        func cancel() { flag.store(true, ordering: .relaxed) }
    }

    /// What an answer is expected to.
    private enum Step {
        case preparation(StatementKey, name: String)
        case statement(mustFindOne: Bool)
    }

    /// How many statements are sent before their answers are read: neither side's memory is to hold thousands.
    private static let batchLength = 128
    /// How many statements a server keeps prepared; their texts are few, but which of their values are none varies.
    private static let preparedLimit = 500

    /// - Throws: ``PostgreSQLError``.
    init(to location: PostgreSQLLocation, node: String?, patience: Duration, on thread: DispatchQueue) throws {
        self.node = node
        self.thread = thread
        self.patience = patience
        let (names, values) = (location.options.map(\.name), location.options.map(\.value))
        let opened = unsafe ParameterBlock.withCStrings(names) { names in
            unsafe ParameterBlock.withCStrings(values) { values in unsafe PQconnectdbParams(names, values, 0) }
        }
        guard let opened = unsafe opened else {
            throw PostgreSQLError(state: "", message: "no memory for a connection")
        }
        unsafe connection = opened
        guard unsafe PQstatus(opened) == CONNECTION_OK else {
            throw PostgreSQLError(state: "", message: unsafe String(onOneLine: PQerrorMessage(opened)))
        }
        unsafe PQsetNoticeReceiver(opened, Warnings.receiver, Unmanaged.passUnretained(warnings).toOpaque())
        guard unsafe PQsetnonblocking(opened, 1) == 0, unsafe PQenterPipelineMode(opened) == 1 else { throw lost() }
        _ = try run(Self.preparations)
    }

    deinit { unsafe PQfinish(connection) }

    /// What every connection begins with, whatever the server's own settings are.
    ///
    /// A time limit for statements would also end the wait for a standby that is to have the change too, after which the
    /// server calls the change done: so there is none. Locks have one, and so has a transaction whose node says no more.
    /// What is answered is to be durable, and a warning to be heard. The server looks whether the node is still there, or
    /// what a node that was cut off has left would take its connections for hours. Functions and operators are the
    /// server's own: in a path that names `pg_catalog` those of a schema before it would take their place, and it is the
    /// first of all when none names it.
    private static let preparations = [
        Statement.once(
            """
            SELECT pg_catalog.set_config(
                'search_path', pg_catalog.string_agg(pg_catalog.quote_ident(name), ', ' ORDER BY place), false)
            FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS schemas (name, place)
            WHERE name OPERATOR(pg_catalog.<>) 'pg_catalog'
            """),
        Statement.once("SET statement_timeout = 0"),
        Statement.once("SET lock_timeout = 4000"),
        // Below the time that others wait for its locks, which a node that is cut off holds until then.
        Statement.once("SET idle_in_transaction_session_timeout = 2000"),
        Statement.once("SET client_min_messages = warning"),
        Statement.once(
            """
            SELECT set_config(setting.name, wanted.value, false) FROM pg_settings AS setting JOIN (
                VALUES ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
                    ('tcp_user_timeout', '8000')
            ) AS wanted (name, value) ON setting.name = wanted.name
            """),
        Statement.once(
            """
            SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'
            """),
    ]

    // MARK: Statements

    /// Runs statements in their order, and answers what each did or found.
    ///
    /// - Throws: ``PostgreSQLError``; ``StoreError/conflict`` for one that had to find one row and did not. Those behind it
    ///   may have run or not.
    func run(_ statements: [Statement]) throws -> [QueryResult] {
        var results: [QueryResult] = []
        var rest = statements[...]
        while !rest.isEmpty {
            results += try runTogether(rest.prefix(Self.batchLength))
            rest = rest.dropFirst(Self.batchLength)
        }
        return results
    }

    private func runTogether(_ statements: ArraySlice<Statement>) throws -> [QueryResult] {
        guard !isBroken else { throw PostgreSQLError(state: "", message: "the connection is broken") }
        if names.count > Self.preparedLimit { try forgetStatements() }
        deadline = .now + patience
        var steps: [Step] = []
        var fresh: [StatementKey: String] = [:]
        for statement in statements { try send(statement, &steps, &fresh) }
        guard unsafe PQpipelineSync(connection) == 1 else { throw lost() }
        var results: [QueryResult] = []
        var failure: (any Error)?
        for step in steps {
            let answer = try answer()
            // What follows the first failure is only that it was not done.
            guard failure == nil else { continue }
            if let error = answer.failure {
                let isOpen = unsafe PQstatus(connection) == CONNECTION_OK
                if error.endsConnection || !isOpen { throw broken(by: error) }
                failure = error
                continue
            }
            switch step {
            case .preparation(let key, let name): names[key] = name
            case .statement(let mustFindOne):
                results.append(answer)
                if mustFindOne && answer.changedCount != 1 { failure = StoreError.conflict }
            }
        }
        guard try nextResult()?.status == PGRES_PIPELINE_SYNC else { throw lost() }
        if let failure { throw failure }
        return results
    }

    private func send(_ statement: Statement, _ steps: inout [Step], _ fresh: inout [StatementKey: String]) throws {
        let parameters = ParameterBlock(statement.values)
        let count = Int32(statement.values.count)
        guard statement.isPrepared else {
            let isSent = unsafe parameters.withPointers { pointers, lengths, formats in
                unsafe PQsendQueryParams(
                    connection, statement.sql, count, parameters.types, pointers, lengths, formats, 1)
            }
            guard isSent == 1 else { throw lost() }
            steps.append(.statement(mustFindOne: statement.mustFindOne))
            return
        }
        let key = StatementKey(sql: statement.sql, types: parameters.types)
        let name: String
        if let known = names[key] ?? fresh[key] {
            name = known
        } else {
            name = "s\(preparedCount)"
            preparedCount += 1
            fresh[key] = name
            guard unsafe PQsendPrepare(connection, name, Self.numbered(statement.sql), count, parameters.types) == 1
            else { throw lost() }
            steps.append(.preparation(key, name: name))
        }
        let isSent = unsafe parameters.withPointers { pointers, lengths, formats in
            unsafe PQsendQueryPrepared(connection, name, count, pointers, lengths, formats, 1)
        }
        guard isSent == 1 else { throw lost() }
        steps.append(.statement(mustFindOne: statement.mustFindOne))
    }

    private func forgetStatements() throws {
        names = [:]
        _ = try runTogether([.once("DEALLOCATE ALL")])
    }

    /// The statement with `$1`, `$2`, … where it has a `?` for each value.
    private static func numbered(_ sql: String) -> String {
        var text = ""
        for (count, part) in sql.split(separator: "?", omittingEmptySubsequences: false).enumerated() {
            text += count > 0 ? "$\(count)\(part)" : String(part)
        }
        return text
    }

    // MARK: Transactions

    /// Commits the transaction that has been begun.
    ///
    /// - Throws: ``PostgreSQLError`` or ``StoreError/undone(_:)`` when the server says that nothing was done;
    ///   ``StoreError/unavailable(_:)`` when the transaction may have been done or not.
    func commit() throws {
        warnings.texts = []
        let tag: String
        do {
            tag = try run([.commit]).first?.commandTag ?? ""
        } catch let error as PostgreSQLError where error.isWorthRetrying || error.storeError.isConflict {
            throw error
        } catch {
            isBroken = true
            throw StoreError.unavailable("it is not known whether the change was made: \(StoreError(error).text)")
        }
        if let warning = warnings.texts.first {
            // As when the wait for a standby was ended: it is done here, but may be lost with this server.
            isBroken = true
            throw StoreError.unavailable("it is not certain that the change is durable: \(warning)")
        }
        if tag == "ROLLBACK" { throw StoreError.undone("the database has undone the change") }
        guard tag == "COMMIT" else {
            isBroken = true
            throw StoreError.unavailable("it is not known whether the change was made: \(tag)")
        }
    }

    /// Ends every wait for the server within moments; the connection is broken then.
    func giveUp() { isGivenUp.store(true, ordering: .relaxed) }

    /// Leaves nothing begun behind.
    func settle() {
        guard !isBroken, unsafe PQtransactionStatus(connection) != PQTRANS_IDLE else { return }
        if (try? run([.rollBack])) == nil { isBroken = true }
    }

    /// Whether nothing has come from the server while nothing was asked: that is how a connection ends.
    var isQuiet: Bool {
        var state = pollfd(fd: unsafe PQsocket(connection), events: Int16(POLLIN), revents: 0)
        return unsafe !isBroken && poll(&state, 1, 0) == 0
    }

    // MARK: Answers

    /// The answer to one statement.
    private func answer() throws(PostgreSQLError) -> QueryResult {
        guard let answer = try nextResult() else { throw lost() }
        // Nothing stands between the answers to two statements.
        guard try nextResult() == nil else { throw lost() }
        return answer
    }

    private func nextResult() throws(PostgreSQLError) -> QueryResult? {
        while unsafe PQisBusy(connection) == 1 { try waitForServer() }
        deadline = .now + patience
        guard let result = unsafe PQgetResult(connection) else { return nil }
        return unsafe QueryResult(owning: result)
    }

    /// Sends what is still to be sent, and takes what has come.
    private func waitForServer() throws(PostgreSQLError) {
        let pending = unsafe PQflush(connection)
        guard pending >= 0 else { throw lost() }
        let events = pending == 0 ? POLLIN : POLLIN | POLLOUT
        var state = pollfd(fd: unsafe PQsocket(connection), events: Int16(events), revents: 0)
        let left = deadline - .now
        guard left > .zero else {
            throw broken(by: PostgreSQLError(state: "", message: "no answer for \(patience)"))
        }
        guard !isGivenUp.load(ordering: .relaxed), cancellation?.isCancelled != true else {
            throw broken(by: PostgreSQLError(state: "", message: "nobody waits for the answer any more"))
        }
        let milliseconds = min(left / .milliseconds(1), 500).rounded(.up)
        let ready = unsafe poll(&state, 1, Int32(milliseconds))
        guard ready >= 0 || errno == EINTR else { throw lost() }
        guard ready > 0, state.revents & ~Int16(POLLOUT) != 0 else { return }
        // Before it failed it may have read why.
        guard unsafe PQconsumeInput(connection) == 1 || PQisBusy(connection) == 0 else { throw lost() }
    }

    private func lost() -> PostgreSQLError {
        broken(by: PostgreSQLError(state: "", message: unsafe String(onOneLine: PQerrorMessage(connection))))
    }

    private func broken(by error: PostgreSQLError) -> PostgreSQLError {
        isBroken = true
        return error
    }
}

// Whoever has it from the pool has it alone, and the lock of the pool is between one and the next.
extension PostgreSQLConnection: @unchecked Sendable {}

extension PostgreSQLConnection: KeepsSecretsInRows {
    @discardableResult
    func run(_ sql: String, _ values: [SQLValue]) throws -> Int {
        try run([Statement(sql: sql, values: values)]).first?.changedCount ?? 0
    }

    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) throws {
        try run([Statement(sql: sql, values: values)]).first?.forEachRow(body)
    }
}

/// What the server remarked without being asked; libpq would print it.
private final class Warnings {
    var texts: [String] = []

    static let receiver: PQnoticeReceiver = { context, result in
        guard let context = unsafe context, let result = unsafe result else { return }
        // libpq owns this result.
        // The severity in no language: a remark is none.
        let severity = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "V"))).map { unsafe String(cString: $0) }
        guard !["NOTICE", "INFO", "LOG", "DEBUG"].contains(severity ?? "") else { return }
        let text = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "M")))
        let warnings = unsafe Unmanaged<Warnings>.fromOpaque(context).takeUnretainedValue()
        warnings.texts.append(unsafe String(onOneLine: text))
    }
}
