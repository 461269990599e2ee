import KMSStore

/// A failure as the server, or the client library, told it.
struct PostgreSQLError: Error {
    /// The five characters of SQLSTATE; empty for a failure of the connection.
    let state: String
    /// In the server's words, without the values of the statement.
    let message: String

    /// Whether the transaction met another, and would do well the next time.
    ///
    /// 40001 serialization_failure, 40P01 deadlock_detected (PostgreSQL, appendix A); distributed relatives answer the first
    /// as a matter of course.
    var isWorthRetrying: Bool { state == "40001" || state == "40P01" }

    /// Whether the connection cannot be used any more, and another may do better.
    ///
    /// Class 08 is a failure of the connection, 57P01 to 57P05 an end of the server or of its patience; 25006 is a server that
    /// has become a standby. 0A000 and 26000 are of statements that the server was to keep and no longer knows as they were.
    var endsConnection: Bool {
        state.isEmpty || state.hasPrefix("08") || state.hasPrefix("57P")
            || ["25006", "25P03", "0A000", "26000"].contains(state)
    }

    /// Whether a table is not there.
    var isAboutMissingTable: Bool { state == "42P01" }

    /// The same in the store's terms.
    var storeError: StoreError {
        switch state {
        // Foreign key, unique.
        case "23503", "23505": .conflict
        case "42501", "28000", "28P01", "3D000": .unavailable("the database refuses: \(message)")
        case let state where state.hasPrefix("22") || state.hasPrefix("23") || state.hasPrefix("42"):
            .corrupt("the database: \(state) \(message)")
        default: .unavailable(state.isEmpty ? "the database: \(message)" : "the database: \(state) \(message)")
        }
    }
}

extension StoreError {
    /// What a failure inside the engine means to the callers of the store.
    init(_ failure: any Error) {
        switch failure {
        case let error as StoreError: self = error
        case let error as PostgreSQLError: self = error.storeError
        default: self = .corrupt("\(failure)")
        }
    }
}

extension String {
    /// A text of libpq, whose lines are set apart by semicolons.
    init(onOneLine text: UnsafePointer<CChar>?) {
        let lines = unsafe text.map { unsafe String(cString: $0) } ?? ""
        self = lines.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}

extension StoreError {
    /// What there is to say beside the kind.
    var text: String {
        switch self {
        case .conflict: "conflict"
        case .undone(let text), .unavailable(let text), .corrupt(let text), .wrongFormat(let text): text
        }
    }
}
