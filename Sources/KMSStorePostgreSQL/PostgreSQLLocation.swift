import CPostgreSQL
import KMSStore

/// Where a database is and how it is connected to, as libpq understands it, with what this program needs beyond that.
///
/// It can have a password in it, so it is never shown.
struct PostgreSQLLocation: Sendable {
    /// The options by the names that libpq has for them.
    private(set) var options: [(name: String, value: String)] = []

    /// - Parameter text: A URI or a connection string (documentation of libpq, 34.1.1).
    /// - Throws: ``StoreError/unavailable(_:)``, with nothing of `text` in it.
    init(_ text: String, node: String) throws(StoreError) {
        // libpq would name half of such a password as a host.
        guard !Self.hasMisplacedDelimiters(text) else {
            throw .unavailable("a delimiter in the password of the database's URI has to be percent-encoded")
        }
        var reason: UnsafeMutablePointer<CChar>?
        // Its own words can have a part of the password in them.
        guard let first = unsafe PQconninfoParse(text, &reason) else {
            unsafe PQfreemem(reason)
            throw .unavailable("the database's location is no connection string or URI that libpq understands")
        }
        defer { unsafe PQconninfoFree(first) }
        var place = unsafe first
        while let keyword = unsafe place.pointee.keyword {
            if let value = unsafe place.pointee.val {
                options.append((unsafe String(cString: keyword), unsafe String(cString: value)))
            }
            unsafe place += 1
        }
        let given = Set(options.map(\.name))
        options += Self.defaults(node).filter { !given.contains($0.name) }
    }

    /// A host that does not answer is given up soon, and so is a connection whose packets nobody takes.
    private static func defaults(_ node: String) -> [(name: String, value: String)] {
        [
            ("application_name", "chatelaine \(node)"), ("client_encoding", "UTF8"), ("connect_timeout", "3"),
            ("target_session_attrs", "read-write"), ("keepalives", "1"), ("keepalives_idle", "5"),
            ("keepalives_interval", "2"), ("keepalives_count", "3"), ("tcp_user_timeout", "8000"),
        ]
    }

    /// Whether what stands between the scheme and the hosts of a URI looks as if it went on behind its end.
    private static func hasMisplacedDelimiters(_ text: String) -> Bool {
        guard let scheme = text.firstRange(of: "://") else { return false }
        let rest = text[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let signs = authority.count { $0 == "@" }
        guard signs == 0 else { return signs > 1 }
        // A port is a number.
        let hasOddPort = authority.split(separator: ",").contains { host in
            let port = host.hasPrefix("[") ? host.drop { $0 != "]" }.dropFirst() : host.drop { $0 != ":" }
            return port.dropFirst().contains { !$0.isNumber }
        }
        return hasOddPort
    }
}
