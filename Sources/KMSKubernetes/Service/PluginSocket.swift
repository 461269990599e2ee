import Glibc
import NIOCore

/// The Unix socket that the API server connects to: a file for its owner alone.
struct PluginSocket {
    /// Waiting connections; there is one API server.
    private static let backlog: Int32 = 128
    private static let mode: mode_t = 0o600

    /// Listens, and is whoever's who takes it.
    let descriptor: Int32
    private let path: String
    private let file: FileIdentity?

    /// Listens at `path`, in the place of a socket that nobody listens on any more.
    ///
    /// - Throws: ``PluginFailure`` when there is another kind of file, or another process that listens or is about to.
    init(path: String) async throws(PluginFailure) {
        let address: SocketAddress
        do {
            address = try SocketAddress(unixDomainSocketPath: path)
        } catch {
            throw PluginFailure("\(path) is too long for the name of a socket: 107 bytes are the most")
        }
        let turn = try await SocketTurn(of: path)
        defer { turn.end() }
        try Self.removeStale(path, address)
        let descriptor = try Self.newSocket(nonBlocking: false)
        do throws(PluginFailure) {
            try Self.require(address.withSockAddr { bind(descriptor, $0, socklen_t($1)) } == 0, "make", path)
            // Nobody can connect before it listens, whatever the umask is.
            try Self.require(chmod(path, Self.mode) == 0, "set the mode of", path)
            try Self.require(listen(descriptor, Self.backlog) == 0, "listen on", path)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
        file = FileIdentity(path)
    }

    /// Removes the file, unless it is another process's by now.
    ///
    /// - Throws: ``PluginFailure`` when another process is at it for too long: it is still there then, and is replaced at
    ///   the next start.
    func remove() async throws(PluginFailure) {
        let turn = try await SocketTurn(of: path)
        defer { turn.end() }
        if let file, FileIdentity(path) == file { unlink(path) }
    }

    private static func removeStale(_ path: String, _ address: SocketAddress) throws(PluginFailure) {
        guard let file = FileIdentity(path) else { return }
        guard file.isSocket else { throw PluginFailure("\(path) is there and is no socket, so it is left alone") }
        let probe = try newSocket(nonBlocking: true)
        defer { close(probe) }
        // Only a refusal says that nobody listens; a full queue says that somebody does.
        guard address.withSockAddr({ connect(probe, $0, socklen_t($1)) }) != 0, errno == ECONNREFUSED else {
            throw PluginFailure("another process listens on \(path), or may do so")
        }
        try require(unlink(path) == 0, "replace", path)
    }

    private static func newSocket(nonBlocking: Bool) throws(PluginFailure) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, nonBlocking ? kind | Int32(SOCK_NONBLOCK.rawValue) : kind, 0)
        guard descriptor >= 0 else { throw PluginFailure("cannot make a socket: \(String(cString: strerror(errno)))") }
        return descriptor
    }

    private static func require(_ isDone: Bool, _ deed: String, _ path: String) throws(PluginFailure) {
        guard !isDone else { return }
        throw PluginFailure("cannot \(deed) \(path): \(String(cString: strerror(errno)))")
    }
}
