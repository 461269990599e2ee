import Foundation
import Glibc
import NIOPosix

/// A backup that is in a data directory, on its way to where it is to be.
///
/// What a server says of it is not believed: it may belong to a user who may do less than this one.
struct StagedBackup: ~Copyable {
    private static let pieceByteCount = 1 << 20

    private let directory: Int32
    private let file: Int32
    private let name: String

    /// Moves a backup from the directory at `path` to `destination`, on a thread that may wait.
    ///
    /// - Throws: ``CommandFailure``, as ``init(named:in:)`` and ``deliver(to:)``.
    static func deliver(_ name: String, in path: String, to destination: String) async throws {
        try await NIOThreadPool.singleton.runIfActive {
            try StagedBackup(named: name, in: path).deliver(to: destination)
        }
    }

    /// Opens a backup in the directory at `path`.
    ///
    /// - Throws: ``CommandFailure`` for any name but one that backups have, for what is no file, and for a file of another
    ///   user than the directory's.
    init(named name: String, in path: String) throws {
        guard BackupName.isStaged(name) else {
            throw CommandFailure.operation("\"\(name)\" is not the name of a backup, so it is not touched")
        }
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Self.failure("open", path) }
        let file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else {
            let failure = Self.failure("open", "\(path)/\(name)")
            close(directory)
            throw failure
        }
        guard let status = FileStatus(of: file), let owner = FileStatus(of: directory), status.isRegular,
            status.linkCount == 1, status.user == owner.user || status.user == geteuid()
        else {
            close(file)
            close(directory)
            throw CommandFailure.operation("\(path)/\(name) is not a backup of that directory, so it is not touched")
        }
        (self.directory, self.file, self.name) = (directory, file, name)
    }

    deinit {
        close(file)
        close(directory)
    }

    /// Moves it, durably, also to another file system: under its name it is whole or not there.
    ///
    /// - Throws: ``CommandFailure``; an existing file is never touched.
    func deliver(to destination: String) throws {
        defer { unlinkat(directory, name, 0) }
        // The file that was looked at, whatever has its name by now.
        if linkat(AT_FDCWD, "/proc/self/fd/\(file)", AT_FDCWD, destination, AT_SYMLINK_FOLLOW) != 0 {
            guard errno != EEXIST else { throw Self.failure("write", destination) }
            try copy(to: destination)
        }
        try Self.syncDirectory(of: destination)
    }

    private func copy(to destination: String) throws {
        let unfinished = "\(destination).\(UUID().uuidString.lowercased())"
        let output = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw Self.failure("write", destination) }
        defer {
            close(output)
            unlink(unfinished)
        }
        var piece = [UInt8](repeating: 0, count: Self.pieceByteCount)
        while true {
            let count = read(file, &piece, piece.count)
            if count == 0 { break }
            guard count > 0 else { throw Self.failure("read", name) }
            guard Output.write(piece[..<count], to: output) else { throw Self.failure("write", destination) }
        }
        guard fsync(output) == 0 else { throw Self.failure("write", destination) }
        // A link refuses to replace a file, unlike a rename; some file systems have none.
        if link(unfinished, destination) == 0 { return }
        guard errno == EPERM || errno == EOPNOTSUPP, FileStatus(ofLink: destination) == nil,
            rename(unfinished, destination) == 0
        else { throw Self.failure("write", destination) }
    }

    /// Makes the name of a file durable too.
    static func syncDirectory(of path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync", directory) }
    }

    private static func failure(_ attempt: String, _ path: String) -> CommandFailure {
        .operation("cannot \(attempt) \(path): \(String(cString: strerror(errno)))")
    }
}
