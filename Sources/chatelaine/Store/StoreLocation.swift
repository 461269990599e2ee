import Foundation

/// Where a store is.
///
/// It may contain a password, so it is never shown as it was given: ``description`` says what may be said, and
/// ``redacted(_:)`` takes the rest out of what others say.
enum StoreLocation: Sendable, Equatable {
    /// The file of SQLite in this data directory.
    case sqlite(directory: String)
    /// A database that many nodes share, by a connection string of libpq.
    case postgresql(String)

    private static let sqlitePrefix = "sqlite:"
    private static let sharedPrefixes = ["postgresql://", "postgres://"]

    /// - Throws: ``CommandFailure``, which does not repeat the text.
    init(_ text: String) throws {
        if text.hasPrefix(Self.sqlitePrefix), text.count > Self.sqlitePrefix.count {
            self = .sqlite(directory: String(text.dropFirst(Self.sqlitePrefix.count)))
        } else if Self.sharedPrefixes.contains(where: text.hasPrefix) {
            self = .postgresql(text)
        } else {
            throw CommandFailure.configuration(
                "a store is sqlite:DIRECTORY, a data directory, or postgresql://HOST:PORT/DATABASE")
        }
    }

    /// What stands between the scheme and the first `/` or `?`, and what follows.
    private static func parts(of text: String) -> (scheme: Substring, authority: Substring, rest: Substring) {
        let start = text.range(of: "://")?.upperBound ?? text.startIndex
        // A password may have a slash that is not encoded, which libpq takes as one: the last @ ends it.
        let credentialsEnd = text[start...].lastIndex(of: "@") ?? start
        let end = text[credentialsEnd...].firstIndex { $0 == "?" } ?? text.endIndex
        let path = text[credentialsEnd..<end].dropFirst(credentialsEnd == start ? 0 : 1).firstIndex(of: "/") ?? end
        return (text[..<start], text[start..<path], text[path...])
    }

    /// Everything in the location that must not be seen, the longest first.
    private var secrets: [String] {
        guard case .postgresql(let text) = self else { return [] }
        let (_, authority, rest) = Self.parts(of: text)
        var secrets: [String] = []
        if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
            secrets.append(String(authority[authority.index(after: colon)..<at]))
        }
        let query = rest.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].lowercased().contains("password") else { continue }
            secrets.append(String(pair[1]))
        }
        let decoded = secrets.compactMap(\.removingPercentEncoding)
        return ([text] + secrets + decoded).filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    /// What somebody says of the store, without what must not be seen of the location.
    func redacted(_ text: String) -> String {
        secrets.reduce(text) { $0.replacingOccurrences(of: $1, with: "…") }
    }
}

extension StoreLocation: CustomStringConvertible {
    /// Hosts, ports and the database, but neither the user nor options.
    var description: String {
        switch self {
        case .sqlite(let directory): return Self.sqlitePrefix + directory
        case .postgresql(let text):
            let (scheme, authority, rest) = Self.parts(of: text)
            let hosts = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
            return "\(scheme)\(hosts)\(rest.prefix { $0 != "?" })"
        }
    }
}
