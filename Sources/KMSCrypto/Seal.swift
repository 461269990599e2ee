/// How the root key is had at start.
package protocol Seal: Sendable {
    /// - Throws: ``SealFailure``.
    func open() throws(SealFailure) -> RootKey

    /// Puts `key` in the place of the root key that the seal has, and returns once that would survive a power cut.
    ///
    /// - Throws: ``SealFailure``. Then, and when the process ends before it returns, ``open()`` answers the key of before or
    ///   this one.
    func seal(_ key: RootKey) throws(SealFailure)
}

/// Why a root key cannot be had.
///
/// The texts name files, never their contents.
package enum SealFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case missing(path: String)
    case alreadyExists(path: String)
    /// A directory, a pipe or a device.
    case notAFile(path: String)
    /// The file is another user's, who can read it, whatever this one may do.
    case ownedByAnother(path: String)
    /// Group or others may read or write the file.
    case exposed(path: String)
    /// Not what this program writes, or not all of it.
    case damaged(path: String)
    case unknownVersion(path: String)
    case system(attempt: String, path: String, reason: String)
    /// The system gave no guarded memory, or no random bytes.
    case unavailable

    package var description: String {
        switch self {
        case .missing(let path): "there is no root key at \(path)"
        case .alreadyExists(let path): "there is a root key at \(path) already"
        case .notAFile(let path): "the root key \(path) is not a file"
        case .ownedByAnother(let path): "the root key \(path) belongs to another user than the one that serves"
        case .exposed(let path): "the root key \(path) may be read by others: its mode must be 0600"
        case .damaged(let path): "the root key \(path) is damaged"
        case .unknownVersion(let path): "the root key \(path) was written by a newer version"
        case .system(let attempt, let path, let reason): "cannot \(attempt) \(path): \(reason)"
        case .unavailable: "there is no guarded memory for the root key"
        }
    }
}
