import Foundation
import KMSStorePostgreSQL

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

    /// What somebody says of the store, without what must not be seen of the location.
    func redacted(_ text: String) -> String {
        guard case .postgresql(let location) = self else { return text }
        return LocationSummary(of: location).secrets.reduce(text) { $0.replacingOccurrences(of: $1, with: "…") }
    }
}

extension StoreLocation: CustomStringConvertible {
    /// Hosts, ports and the database, but neither the user nor options.
    var description: String {
        switch self {
        case .sqlite(let directory): Self.sqlitePrefix + directory
        case .postgresql(let text): "postgresql://\(LocationSummary(of: text).place)"
        }
    }
}
