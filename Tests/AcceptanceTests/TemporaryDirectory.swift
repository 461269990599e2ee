import Foundation

/// A directory that belongs to one test.
struct TemporaryDirectory {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("acceptance-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    var path: String { url.path }

    func file(_ name: String) -> URL { url.appendingPathComponent(name) }

    /// Removes the directory with everything in it; what cannot be removed is left to the system.
    func remove() { try? FileManager.default.removeItem(at: url) }
}
