import CPostgreSQL
import KMSStore

/// Where the server is: a connection string or URI of libpq.
struct ServerPlace: Sendable {
    /// May hold a password: never shown.
    private let location: String

    /// What holds where the location does not say otherwise: the one server that takes writes, and an end to waiting for one
    /// that is gone within seconds, whether it refuses or is silent (PostgreSQL documentation, 34.1.2).
    private static let defaults = [
        ("application_name", "chatelaine"), ("target_session_attrs", "read-write"), ("connect_timeout", "3"),
        ("keepalives_idle", "2"), ("keepalives_interval", "1"), ("keepalives_count", "3"), ("tcp_user_timeout", "4000"),
        ("client_encoding", "UTF8"),
    ]

    /// - Throws: ``StoreError/unavailable(_:)`` for what is no location.
    init(_ location: String) throws(StoreError) {
        guard let options = PQconninfoParse(location, nil) else {
            // What is wrong is not said: it may be a part of a password.
            throw .unavailable("the location of the store is not a connection string or URI of PostgreSQL")
        }
        PQconninfoFree(options)
        self.location = location
    }

    /// The keywords and values to connect with; what comes later goes first.
    var parameters: [(keyword: String, value: String)] {
        Self.defaults.map { ($0.0, $0.1) } + [("dbname", location)]
    }
}
