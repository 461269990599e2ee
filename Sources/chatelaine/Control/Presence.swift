import Glibc

/// Whether a file is there.
enum Presence {
    /// Looks for a file; to a user who may not look for it, it is not absent: a store would seem to be lost.
    ///
    /// - Throws: ``CommandFailure`` when that cannot be told.
    static func of(_ path: String) throws -> Bool {
        if FileStatus(of: path) != nil { return true }
        let reason = errno
        if reason == ENOENT { return false }
        let failure = CommandFailure.operation("cannot look at \(path): \(String(cString: strerror(reason)))")
        throw reason == EACCES ? failure.adding("run it as the directory's owner") : failure
    }
}
