import Foundation

/// Where things are, found from this file's own place.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let scripts = root.appendingPathComponent("Tests/AcceptanceTests/Scripts")

    /// The program under test: `CHATELAINE_BINARY`, or what the release build left.
    static let binary =
        ProcessInfo.processInfo.environment["CHATELAINE_BINARY"]
        ?? root.appendingPathComponent(".build/release/chatelaine").path
}
