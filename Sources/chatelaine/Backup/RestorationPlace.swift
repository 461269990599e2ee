import Foundation
import Glibc
import KMSEngine

/// Where a data directory is to be, and the directory beside it, or in it, where it is made.
struct RestorationPlace {
    private static let infix = ".restoring-"
    /// What a file system of its own has at its top.
    private static let nothing: Set = ["lost+found"]

    /// Without a slash at its end.
    private let path: String
    /// Whether there is an empty directory already: it may be a mount point, which nothing can be renamed to.
    private let isThere: Bool
    /// Where the data directory is made.
    let unfinished: String
    /// Locked for as long as the process lives, so that no other one takes it for a leftover.
    private let lock: Int32

    /// Makes the directory to work in.
    ///
    /// - Throws: ``CommandFailure`` when there is something at `path`, or nothing can be made there.
    init(_ path: String) throws {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        isThere = FileStatus(of: path) != nil
        // Names in a directory that is there begin with what names beside a new one go on with.
        let beginning = isThere ? "\(path)/\(Self.infix)" : "\(path)\(Self.infix)"
        Self.removeLeftovers(beginning)
        if isThere {
            let names = try? FileManager.default.contentsOfDirectory(atPath: path)
            guard let names, Self.nothing.isSuperset(of: names) else {
                throw CommandFailure.operation("there is something at \(path) already")
            }
            _ = try DirectoryOwner(of: path)
        }
        self.path = path
        unfinished = beginning + UUID().uuidString.lowercased()
        guard mkdir(unfinished, 0o700) == 0 else { throw Self.failure("create", unfinished) }
        lock = open(unfinished, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let failure = Self.failure("lock", unfinished)
            rmdir(unfinished)
            throw failure
        }
    }

    /// Brings what was made to its place, durably: the store last, so that nothing serves before all of it is there.
    ///
    /// - Throws: ``CommandFailure``.
    func fill() throws {
        let store = "\(unfinished)/\(BackupSource.storeName)"
        try StagedBackup.syncDirectory(of: store)
        guard isThere else {
            guard rename(unfinished, path) == 0 else { throw Self.failure("make", path) }
            return try StagedBackup.syncDirectory(of: path)
        }
        // As one that is made: a mount point may be open to everybody's eyes.
        guard chmod(path, 0o700) == 0 else { throw Self.failure("set the mode of", path) }
        let names = try FileManager.default.contentsOfDirectory(atPath: unfinished)
        for name in names.filter({ $0 != BackupSource.storeName }) + [BackupSource.storeName] {
            if name == BackupSource.storeName { try StagedBackup.syncDirectory(of: "\(path)/\(name)") }
            guard rename("\(unfinished)/\(name)", "\(path)/\(name)") == 0 else {
                throw Self.failure("make", "\(path)/\(name)")
            }
        }
        rmdir(unfinished)
        try StagedBackup.syncDirectory(of: "\(path)/\(BackupSource.storeName)")
    }

    /// Takes away what was made.
    func abandon() { try? FileManager.default.removeItem(atPath: unfinished) }

    /// Takes away what processes that were killed have left, which may be a root key.
    private static func removeLeftovers(_ beginning: String) {
        let url = URL(fileURLWithPath: beginning)
        let directory = url.deletingLastPathComponent()
        let prefix = url.lastPathComponent
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        where name.hasPrefix(prefix) && UUID(uuidString: String(name.dropFirst(prefix.count))) != nil {
            let leftover = directory.appendingPathComponent(name).path
            let descriptor = open(leftover, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { try? FileManager.default.removeItem(atPath: leftover) }
            close(descriptor)
        }
    }

    private static func failure(_ attempt: String, _ path: String) -> CommandFailure {
        .operation("cannot \(attempt) \(path): \(String(cString: strerror(errno)))")
    }
}
