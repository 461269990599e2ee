import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A file of a seal, which only its owner may read, and which is whole or not there.
struct SealFile: Sendable {
    let path: String

    /// Whether there is something of that name.
    var exists: Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0
    }

    // MARK: Reading

    /// What the file holds, in memory that is zeroed when it is let go, and how many bytes that is.
    ///
    /// - Throws: ``SealFailure/damaged(path:)`` for more than `largest` bytes, and whatever is wrong with the file.
    func read(atMost largest: Int) throws(SealFailure) -> (text: GuardedBytes, count: Int) {
        // Without blocking: a pipe in the place of the file would be waited for, for ever. And not by a link: what replaces or
        // destroys the file would reach the link, and leave the key where it points.
        let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { throw .missing(path: path) }
            if errno == ELOOP { throw .symbolicLink(path: path) }
            throw failure("open")
        }
        defer { close(file) }
        try check(file)
        var count = 0
        let text: GuardedBytes
        do throws(CryptoFailure) {
            text = try unsafe GuardedBytes(count: largest + 1) { buffer in
                count = unsafe Glibc.read(file, buffer.baseAddress, buffer.count)
            }
        } catch {
            throw .unavailable
        }
        guard count >= 0 else { throw failure("read") }
        guard count <= largest else { throw .damaged(path: path) }
        return (text, count)
    }

    private func check(_ file: Int32) throws(SealFailure) {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw failure("look at") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard status.st_uid == geteuid() else { throw .ownedByAnother(path: path) }
        guard status.st_mode & 0o077 == 0 else { throw .exposed(path: path) }
    }

    // MARK: Writing

    /// Makes the file, durably.
    ///
    /// - Throws: ``SealFailure/alreadyExists(path:)``: an existing file is never touched.
    func create(_ content: [UInt8]) throws(SealFailure) {
        // It gets its name when it is complete: a process that is killed in between leaves no half of a file behind.
        let unfinished = "\(path).\(UUID().uuidString)"
        defer { _ = unsafe unlink(unfinished) }
        try write(content, to: unfinished)
        // A link refuses to replace a file, unlike a rename.
        guard unsafe link(unfinished, path) == 0 else {
            if errno == EEXIST { throw .alreadyExists(path: path) }
            throw failure("create")
        }
        try syncDirectory()
    }

    /// Puts `content` in the place of what the file held, or makes the file, durably; then overwrites what it held.
    func replace(with content: [UInt8]) throws(SealFailure) {
        let unfinished = "\(path).\(UUID().uuidString)"
        try write(content, to: unfinished)
        let before = unsafe Glibc.open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        defer { if before >= 0 { close(before) } }
        guard unsafe rename(unfinished, path) == 0 else {
            let failure = failure("replace")
            _ = unsafe unlink(unfinished)
            throw failure
        }
        try syncDirectory()
        // Only now nobody needs it any more. That it stays readable somewhere must not undo what is done.
        if before >= 0 { _ = Self.overwrite(before) }
    }

    /// Takes the file away, durably, and then overwrites it; one that is not there is no error.
    ///
    /// It loses its name first: half of a file must not be found under it, whenever the process dies.
    func destroy() throws(SealFailure) {
        let unnamed = SealFile(path: "\(path).\(UUID().uuidString)")
        guard unsafe rename(path, unnamed.path) == 0 else {
            if errno == ENOENT { return }
            throw failure("remove")
        }
        try syncDirectory()
        try unnamed.overwriteAndUnlink()
    }

    private func overwriteAndUnlink() throws(SealFailure) {
        let file = unsafe Glibc.open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { throw failure("overwrite") }
        defer { close(file) }
        guard Self.overwrite(file) else { throw failure("overwrite") }
        guard unsafe unlink(path) == 0 else { throw failure("remove") }
        try syncDirectory()
    }

    /// What processes that were killed while they wrote or destroyed this file have left.
    var unfinished: [SealFile] {
        let url = URL(fileURLWithPath: path)
        let directory = url.deletingLastPathComponent()
        let prefix = url.lastPathComponent + "."
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return
            names.filter { $0.hasPrefix(prefix) && UUID(uuidString: String($0.dropFirst(prefix.count))) != nil }
            .map { SealFile(path: directory.appendingPathComponent($0).path) }
    }

    /// Destroys ``unfinished`` files.
    ///
    /// Only for who has the directory to itself: another process may be writing.
    func destroyUnfinished() throws(SealFailure) {
        for file in unfinished { try file.overwriteAndUnlink() }
    }

    private func write(_ content: [UInt8], to name: String) throws(SealFailure) {
        let file = unsafe Glibc.open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("create") }
        defer { close(file) }
        let written = unsafe content.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        guard written == content.count, fsync(file) == 0 else {
            let failure = failure("write")
            _ = unsafe unlink(name)
            throw failure
        }
    }

    /// Zeroes what the open file holds, as far as the file system writes in place.
    private static func overwrite(_ file: Int32) -> Bool {
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        // A seal's file is small; a large one is something else, whose beginning is enough.
        let zeros = [UInt8](repeating: 0, count: Int(min(status.st_size, 1 << 16)))
        let written = unsafe zeros.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, 0) }
        return written == zeros.count && fsync(file) == 0
    }

    /// Makes the file's name durable too.
    private func syncDirectory() throws(SealFailure) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let file = unsafe Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open the directory of") }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure("sync the directory of") }
    }

    private func failure(_ attempt: String) -> SealFailure {
        .system(attempt: attempt, path: path, reason: unsafe String(cString: strerror(errno)))
    }
}
