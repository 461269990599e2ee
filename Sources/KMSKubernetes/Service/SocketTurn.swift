import Glibc

/// The time in which no other plugin changes a socket's file: two that start at once would each remove the other's.
///
/// It is a lock on a file of its own beside the socket, which is there for this time only. Whoever can open a file can lock
/// it, and anybody can open a directory that they may list; so this one is its owner's, and nobody waits for it for long.
struct SocketTurn {
    /// How long others are waited for, who need it for a moment only, and how often it is tried.
    private static let (patience, pause): (Duration, Duration) = (.seconds(2), .milliseconds(20))
    private static let mode: mode_t = 0o600

    private let path: String
    private let descriptor: Int32

    /// - Throws: ``PluginFailure`` when the file cannot be made, or another process keeps it locked.
    init(of socketPath: String) async throws(PluginFailure) {
        path = "\(socketPath).lock"
        let end = ContinuousClock.now + Self.patience
        while true {
            if let descriptor = try Self.locked(path) {
                self.descriptor = descriptor
                return
            }
            guard ContinuousClock.now < end, !Task.isCancelled else {
                throw PluginFailure("another process keeps \(path) locked")
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    func end() {
        unlink(path)
        close(descriptor)
    }

    /// Nil while it is another's.
    private static func locked(_ path: String) throws(PluginFailure) -> Int32? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw PluginFailure("cannot open \(path): \(String(cString: strerror(errno)))") }
        let isLocked = flock(descriptor, LOCK_EX | LOCK_NB) == 0
        let reason = errno
        // Who had it may have removed it since it was opened; then the name is another file's, or nobody's.
        if isLocked, FileIdentity(of: descriptor) == FileIdentity(path) { return descriptor }
        close(descriptor)
        guard isLocked || reason == EWOULDBLOCK || reason == EINTR else {
            throw PluginFailure("cannot lock \(path): \(String(cString: strerror(reason)))")
        }
        return nil
    }
}
