import Glibc
import NIOCore

/// Whose data directory it is, and so who may serve it and be told what it needs.
struct DirectoryOwner {
    private let user: uid_t

    /// - Throws: ``CommandFailure`` for a directory in which others than its owner can write: they could put a root key, a
    ///   store or a socket of theirs there.
    init(of directory: String) throws {
        guard let status = FileStatus(of: directory) else {
            throw CommandFailure.operation("cannot look at \(directory): \(String(cString: strerror(errno)))")
        }
        guard !status.isWritableByOthers else {
            throw CommandFailure.operation(
                "others than its owner can write in \(directory): `chmod go-w` it, after a look at what is there, "
                    + "or name a directory in it")
        }
        user = status.user
    }

    /// Refuses a server that is neither root's nor this user's; root also takes that of the directory's owner.
    ///
    /// A directory that was named by mistake, such as one of that name in a place where anybody can make it, may be
    /// somebody's who wants to have a key share.
    ///
    /// - Throws: ``CommandFailure``.
    func checkPeer(of channel: any Channel, _ directory: String) async throws {
        let peer = try await (channel as? any SocketOptionProvider)?.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED), as: PeerCredentials.self)
        guard let peer, peer.user == 0 || peer.user == geteuid() || (geteuid() == 0 && peer.user == user) else {
            throw CommandFailure.operation(
                "what listens in \(directory) is another user's, so it is told nothing: is that the data directory?")
        }
    }
}

/// What `SO_PEERCRED` gives, as `struct ucred` in unix(7).
private struct PeerCredentials: Sendable {
    let process: pid_t
    let user: uid_t
    let group: gid_t
}

extension SocketOptionProvider {
    fileprivate func unsafeGetSocketOption<Value: Sendable>(
        level: NIOBSDSocket.OptionLevel, name: NIOBSDSocket.Option, as type: Value.Type
    ) async throws -> Value {
        try await unsafeGetSocketOption(level: level, name: name).get()
    }
}
