import Foundation

/// The names of what a backup consists of while it is in the data directory: `backup-UUID`, and what kind of file it is.
struct BackupName {
    private static let prefix = "backup-"
    private static let (copyEnding, stagedEnding) = (".sqlite", ".tmp")
    private static let uuidLength = 36

    private let stem = Self.prefix + UUID().uuidString.lowercased()

    /// The copy of the store.
    var copy: String { stem + Self.copyEnding }
    /// The document of a passphrase that is the backup's own.
    var document: String { stem + ".json" }
    /// The backup itself, until somebody takes it.
    var staged: String { stem + Self.stagedEnding }

    /// Whether it is the name of a backup that can be taken, and neither a path nor anything else in the directory.
    static func isStaged(_ name: String) -> Bool { ending(of: name) == stagedEnding[...] }

    /// Takes away what a process that was killed, or somebody who did not come for a backup, has left.
    ///
    /// Only for who has just taken the directory: otherwise a backup may be under way.
    static func removeLeftovers(in directory: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for name in names where ending(of: name) != nil { unlink("\(directory)/\(name)") }
    }

    /// What follows the stem, with a point at its beginning; nil for any other name.
    private static func ending(of name: String) -> Substring? {
        let rest = name.dropFirst(prefix.count)
        let ending = rest.dropFirst(uuidLength)
        guard name.hasPrefix(prefix), UUID(uuidString: String(rest.prefix(uuidLength))) != nil, ending.hasPrefix("."),
            !ending.contains("/")
        else { return nil }
        return ending
    }
}
