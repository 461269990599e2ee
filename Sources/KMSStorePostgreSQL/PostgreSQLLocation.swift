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
        options = try Self.options(in: text)
        // Of a standby a node would take what was changed long ago for what is.
        let wanted = options.last { $0.name == "target_session_attrs" }?.value
        guard wanted.map(["read-write", "primary"].contains) ?? true else {
            throw .unavailable("target_session_attrs has to be read-write or primary, or be left out")
        }
        let given = Set(options.map(\.name))
        options += Self.defaults(node).filter { !given.contains($0.name) }
    }

    /// What a location says itself, as libpq understands it.
    fileprivate static func options(in text: String) throws(StoreError) -> [(name: String, value: String)] {
        // libpq would name half of such a password as a host.
        guard !hasMisplacedDelimiters(text) else {
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
        var options: [(name: String, value: String)] = []
        while let keyword = unsafe place.pointee.keyword {
            if let value = unsafe place.pointee.val {
                options.append((unsafe String(cString: keyword), unsafe String(cString: value)))
            }
            unsafe place += 1
        }
        return options
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
        // libpq takes what is before an @ for a user and a password, also behind the ? that begins the options.
        if rest.prefix(while: { $0 != "/" && $0 != "@" }).contains("?"), rest.prefix(while: { $0 != "/" }).contains("@")
        {
            return true
        }
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

/// What may be said of a database's location, and what must not, by how libpq understands it.
package struct LocationSummary: Sendable {
    /// Hosts, ports and the database, as a URI has them behind its scheme; nothing of a location that is not understood.
    package let place: String
    /// What must not be seen: the longest first.
    package let secrets: [String]

    /// - Parameter text: A URI or a connection string.
    package init(of text: String) {
        let options = (try? PostgreSQLLocation.options(in: text)) ?? []
        func list(_ name: String) -> [String] {
            let value = options.last { $0.name == name }?.value ?? ""
            return value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        let (names, ports) = (list("host"), list("port"))
        let hosts = (names.contains { !$0.isEmpty } ? names : list("hostaddr")).enumerated().map { place, host in
            // One port is every host's.
            let port = ports.count == 1 ? ports[0] : place < ports.count ? ports[place] : ""
            let isAddress = host.contains(":")
            return (isAddress ? "[\(Self.harmless(host))]" : Self.harmless(host))
                + (port.isEmpty ? "" : ":\(Self.harmless(port))")
        }
        let database = options.last { $0.name == "dbname" }.map { "/\(Self.harmless($0.value))" } ?? ""
        place = options.isEmpty ? "…" : hosts.joined(separator: ",") + database
        let passwords = options.filter { $0.name.contains("password") }.map(\.value)
        secrets = ([text] + passwords + Self.passwords(asWrittenIn: text))
            .filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    /// A name, unless it has something in it that names do not have, as when a delimiter is another than was meant.
    private static func harmless(_ name: String) -> String {
        let isName = name.allSatisfy { $0.isLetter || $0.isNumber || "-_.:/%$ ".contains($0) }
        return isName ? name.replacing("/", with: "%2F") : "…"
    }

    /// Passwords as they are in a URI, where they may be encoded.
    private static func passwords(asWrittenIn text: String) -> [String] {
        guard let scheme = text.firstRange(of: "://") else { return [] }
        let rest = text[scheme.upperBound...]
        var passwords: [String] = []
        if let at = rest.firstIndex(of: "@"), let colon = rest[..<at].firstIndex(of: ":") {
            passwords.append(String(rest[rest.index(after: colon)..<at]))
        }
        let query = rest.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0].lowercased().contains("password") { passwords.append(String(pair[1])) }
        }
        return passwords
    }
}
