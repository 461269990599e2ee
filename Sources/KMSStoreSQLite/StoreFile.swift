import Foundation
import KMSStore

/// The database file and the files that SQLite puts beside it: nobody but their owner may read them.
enum StoreFile {
    /// The name of the database file within the data directory.
    static let name = "chatelaine.sqlite"

    private static let ownerOnly: mode_t = 0o600

    /// Makes the file if there is none, and takes everybody else's rights from those that are there.
    ///
    /// SQLite gives the files that it makes beside the database the mode of the database.
    static func prepare(_ path: String) throws(StoreError) {
        try create(path)
        for suffix in ["", "-wal", "-shm", "-journal"] { try restrict(path + suffix) }
    }

    private static func create(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, ownerOnly)
        guard descriptor >= 0 else {
            guard errno == EEXIST else { throw failure("cannot make", path) }
            return
        }
        defer { close(descriptor) }
        // The creation mask of the process can only have taken rights away that the owner needs.
        guard fchmod(descriptor, ownerOnly) == 0 else { throw failure("cannot set the mode of", path) }
    }

    /// Works on the name and never opens the file: closing a file drops every lock that this process has on it, also
    /// those of another open store.
    private static func restrict(_ path: String) throws(StoreError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure("cannot look at", path) }
            return
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .wrongFormat("\(path) is not a file")
        }
        guard status.st_mode & 0o077 != 0 else { return }
        guard chmod(path, ownerOnly) == 0 else { throw failure("cannot set the mode of", path) }
    }

    private static func failure(_ what: String, _ path: String) -> StoreError {
        .unavailable("\(what) \(path): \(String(cString: strerror(errno)))")
    }
}
