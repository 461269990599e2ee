/// How the root key is had at start, and kept for the next one.
package protocol Seal: Sendable {
    /// In which way it keeps the root key.
    var kind: SealKind { get }

    /// The root key.
    ///
    /// It may take a second and wait for a device: never call it on an event loop.
    ///
    /// - Throws: ``SealFailure``; then nothing was touched.
    func open() throws(SealFailure) -> RootKey

    /// Keeps `key` from now on, in the place of the key that was kept before, if there was one.
    ///
    /// When it returns, ``open()`` gives `key`, also after a power cut. When it throws, or the process dies in it, `open()`
    /// gives either `key` or the key of before, and never neither. So what needs either of them must be kept until this has
    /// returned.
    ///
    /// It syncs files: never call it on an event loop.
    ///
    /// - Throws: ``SealFailure``.
    func seal(_ key: RootKey) throws(SealFailure)
}

/// Why a root key cannot be had, or cannot be kept.
///
/// The texts name files and tokens, never their contents.
package enum SealFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case missing(path: String)
    case alreadyExists(path: String)
    /// A directory, a pipe or a device.
    case notAFile(path: String)
    /// A link, whose target would stay when the file is replaced.
    case symbolicLink(path: String)
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
    /// Deriving a key from a passphrase needs more memory than there is.
    case notEnoughMemory(kibibytes: Int)
    /// Not the passphrase that the document was made with, or the document was edited by somebody who knew how.
    case wrongPassphrase(path: String)
    /// A new passphrase of fewer bytes than ``PassphraseHashing/shortest``.
    case passphraseTooShort
    /// What the token opened is not the key of the document: the document was edited by somebody who knew how.
    case wrongToken(path: String)
    /// The shares are of this seal by their names, but do not open it together.
    case wrongShares(path: String)
    /// The document is sealed in another way than the one that was tried.
    case otherKind(path: String, SealKind)
    /// What a token, or the module that speaks to it, refused: a whole sentence.
    case token(String)
    /// The token refused the PIN. It was tried once, and counts the failures.
    case wrongPIN(String)

    package var description: String {
        switch self {
        case .missing(let path): "there is no root key at \(path)"
        case .alreadyExists(let path): "there is a root key at \(path) already"
        case .notAFile(let path): "the root key \(path) is not a file"
        case .symbolicLink(let path): "the root key \(path) is a symbolic link: put the file itself into its place"
        case .ownedByAnother(let path): "the root key \(path) belongs to another user than the one that serves"
        case .exposed(let path): "the root key \(path) may be read by others: its mode must be 0600"
        case .damaged(let path): "the root key \(path) is damaged"
        case .unknownVersion(let path): "the root key \(path) was written by a newer version"
        case .system(let attempt, let path, let reason): "cannot \(attempt) \(path): \(reason)"
        case .unavailable: "there is no guarded memory for the root key"
        case .notEnoughMemory(let kibibytes): "a passphrase needs \(kibibytes / 1024) MiB of memory for a moment"
        case .wrongPassphrase(let path): "the passphrase does not open \(path)"
        case .passphraseTooShort: "a passphrase must have at least \(PassphraseHashing.shortest) bytes"
        case .wrongToken(let path): "what the token keeps does not open \(path)"
        case .wrongShares(let path): "the shares do not open \(path): one of them is wrong, so give all of them again"
        case .otherKind(let path, let kind): "the root key \(path) is sealed by \(kind.description)"
        case .token(let reason), .wrongPIN(let reason): reason
        }
    }
}

/// The ways to keep a root key.
package enum SealKind: String, CaseIterable, Sendable, CustomStringConvertible {
    case file
    case passphrase
    case pkcs11
    case shares

    package var description: String {
        switch self {
        case .file: "a file"
        case .passphrase: "a passphrase"
        case .pkcs11: "a PKCS#11 token"
        case .shares: "key shares"
        }
    }
}
