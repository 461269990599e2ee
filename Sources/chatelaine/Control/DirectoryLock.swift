import Glibc

/// Says that a data directory is this process's, for as long as it lives.
///
/// The store has a lock of its own, but a directory that waits to be unsealed has no store open yet, and its control socket
/// must not be taken from the server that listens there.
struct DirectoryLock {
    /// How long a process that is about to end is waited for, and how often it is looked for.
    private static let (patience, pause): (Duration, Duration) = (.seconds(2), .milliseconds(50))

    private let descriptor: Int32

    /// Takes the lock on a directory that exists.
    ///
    /// The system lets go of it when the process ends, however it ends.
    ///
    /// - Throws: ``CommandFailure`` while another process has it, and for one in which others can write.
    init(_ path: String) async throws {
        _ = try DirectoryOwner(of: path)
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure.operation("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        let end = ContinuousClock.now + Self.patience
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let reason = errno
            guard reason == EWOULDBLOCK || reason == EINTR, ContinuousClock.now < end else {
                close(descriptor)
                throw CommandFailure.operation(
                    reason == EWOULDBLOCK
                        ? "the data directory \(path) is in use by another process"
                        : "cannot lock \(path): \(String(cString: strerror(reason)))")
            }
            try? await Task.sleep(for: Self.pause)
        }
        self.descriptor = descriptor
    }

    /// Lets go of the directory.
    func release() { close(descriptor) }
}
