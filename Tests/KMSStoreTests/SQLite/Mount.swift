import Foundation

/// A small file system in memory, unmounted when nothing refers to it any more.
final class Mount: Sendable {
    /// Whether this process may mount, found by trying.
    static let isPossible = (try? Mount(options: "size=64k")) != nil

    private let directory: ScratchDirectory
    var path: String { directory.path }

    init(options: String) throws {
        directory = try ScratchDirectory()
        try Self.run("mount", "-t", "tmpfs", "-o", options, "tmpfs", directory.path)
    }

    deinit { try? Self.run("umount", "-l", directory.path) }

    /// Mounts it again with another option, such as `ro`.
    func remount(_ option: String) throws { try Self.run("mount", "-o", "remount,\(option)", path) }

    /// Makes a file that takes all the space but `byteCount`.
    func fill(_ file: String, leaving byteCount: Int) throws {
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: path)
        let free = (attributes[.systemFreeSize] as? NSNumber)?.intValue ?? 0
        try Data(count: max(0, free - byteCount)).write(to: URL(filePath: file))
    }

    /// Whether `bytes` stand in any of the store's files.
    func contains(_ bytes: [UInt8]) throws -> Bool { try directory.contains(bytes) }

    private struct Failed: Error {}

    private static func run(_ command: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
    }
}
