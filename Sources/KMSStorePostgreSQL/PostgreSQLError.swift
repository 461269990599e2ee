import KMSStore

/// A failure as the server, or the client library, told it.
struct PostgreSQLError: Error {
    /// The five characters of SQLSTATE; empty for a failure of the connection.
    let state: String
    /// In the server's words, without the values of the statement.
    let message: String
    /// Whether it came while a transaction was being committed, so that what that wrote may be there.
    private(set) var isOfCommit = false

    init(state: String, message: String) {
        self.state = state
        self.message = message
    }

    /// The same failure of a commit.
    var ofCommit: Self {
        var error = self
        error.isOfCommit = true
        return error
    }

    /// Whether the transaction met another, and would do well the next time.
    ///
    /// 40001 serialization_failure, 40P01 deadlock_detected (PostgreSQL, appendix A); distributed relatives answer the first
    /// as a matter of course.
    var isWorthRetrying: Bool { state == "40001" || state == "40P01" }

    /// Whether the connection cannot be used any more.
    ///
    /// Class 08 is a failure of the connection, 57P01 to 57P03 an end of the server; 25006 is a server that has become a
    /// standby, which another connection may find a primary for.
    var endsConnection: Bool { state.isEmpty || state.hasPrefix("08") || state.hasPrefix("57P") || state == "25006" }

    /// The same in the store's terms.
    var storeError: StoreError {
        switch state {
        // Foreign key, unique.
        case "23503", "23505": .conflict
        case "42501", "28000", "28P01", "3D000": .unavailable("the database refuses: \(message)")
        case let state where state.hasPrefix("22") || state.hasPrefix("23") || state.hasPrefix("42"):
            .corrupt("\(state) \(message)")
        default: .unavailable(state.isEmpty ? message : "\(state) \(message)")
        }
    }
}
