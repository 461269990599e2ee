import KMSStore
import KMSStoreSQL

/// A statement with its values, to be sent.
struct Statement: Sendable {
    /// With a `?` for each value.
    let sql: String
    var values: [SQLValue] = []
    /// Whether it is a conflict when the statement finds another number of rows than one.
    var mustFindOne = false
    /// Whether the server keeps it for the next time.
    var isPrepared = true

    /// A statement that is not worth keeping.
    static func once(_ sql: String) -> Statement { Statement(sql: sql, isPrepared: false) }

    /// Each statement of a transaction sees what others have committed by then.
    static let begin = Statement(sql: "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED")
    /// Every statement of a transaction sees the same moment.
    static let beginSnapshot = Statement(sql: "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    static let commit = Statement(sql: "COMMIT")
    static let rollBack = Statement(sql: "ROLLBACK")
}

/// Takes down statements instead of running them, so that they can go to the server all at once.
///
/// Only for what does not depend on the answers: each query finds nothing, and each change what it expects.
final class StatementRecorder: SQLConnection {
    private(set) var statements: [Statement] = []
    let node: String?

    init(node: String?) { self.node = node }

    func run(_ sql: String, _ values: [SQLValue]) -> Int {
        statements.append(Statement(sql: sql, values: values))
        return 0
    }

    func runOnOne(_ sql: String, _ values: [SQLValue]) {
        statements.append(Statement(sql: sql, values: values, mustFindOne: true))
    }

    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) {
        statements.append(Statement(sql: sql, values: values))
    }
}

/// Answers the queries that were taken down with what the server answered.
final class RecordedAnswers: SQLConnection {
    private var results: ArraySlice<QueryResult>
    let node: String?

    init(_ results: ArraySlice<QueryResult>, node: String?) {
        self.results = results
        self.node = node
    }

    func run(_ sql: String, _ values: [SQLValue]) -> Int { results.popFirst()?.changedCount ?? 0 }

    func forEachRow(_ sql: String, _ values: [SQLValue], _ body: (any SQLRow) throws -> Void) throws {
        try results.popFirst()?.forEachRow(body)
    }
}

/// Wrapped secrets stand in the rows that they belong to.
protocol KeepsSecretsInRows: SQLConnection {}

extension KeepsSecretsInRows {
    func keep(_ wrapped: [UInt8]) -> SQLValue { .bytes(wrapped) }

    /// The statement that follows replaces or removes the rows with the bytes in them.
    func destroySecrets(of table: String, where condition: String, _ values: [SQLValue]) {}

    func secrets(of table: String) -> (join: String, column: String) { ("", "secret") }
}

extension StatementRecorder: KeepsSecretsInRows {}
extension RecordedAnswers: KeepsSecretsInRows {}
