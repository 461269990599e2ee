import Foundation
import KMSModel
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Where commands reach the server that runs over a data directory: a unix socket in it, for its owner only.
///
/// It stands beside the HTTP listener because what it does needs no AWS identity, but the right to the files themselves:
/// whoever can connect could read the root key, too.
struct ControlSocket: Service {
    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// The socket's name in the data directory.
    static let name = "control.sock"

    private let listener: NIOAsyncChannel<Connection, Never>
    private let path: ControlSocketPath
    private let commands: [String: ControlCommand]
    private let logger: Logger

    /// Listens in a directory that is this process's (``DirectoryLock``); a socket that a process before it left is replaced.
    ///
    /// - Throws: ``CommandFailure``.
    init(in directory: String, _ commands: [ControlCommand], logger: Logger) async throws {
        path = try ControlSocketPath(in: directory)
        self.commands = Dictionary(commands.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.logger = logger
        do {
            listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .bind(unixDomainSocketPath: path.path, cleanupExistingSocketFile: true) { channel in
                    channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
                }
        } catch {
            throw CommandFailure.operation("cannot listen on \(directory)/\(Self.name): \(error)")
        }
        guard chmod(path.path, 0o600) == 0 else {
            throw CommandFailure.operation("cannot set the mode of \(directory)/\(Self.name)")
        }
    }

    /// Answers until the server shuts down; what is being done then is told so, and finished.
    func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingDiscardingTaskGroup { group in
                try await listener.executeThenClose { connections in
                    for try await connection in connections {
                        group.addTask { await converse(on: connection) }
                    }
                }
            }
        } onGracefulShutdown: { [channel = listener.channel] in
            channel.close(promise: nil)
        }
        unlink(path.path)
    }

    private func converse(on connection: Connection) async {
        do {
            try await connection.executeThenClose { inbound, outbound in
                // Who has asked nothing by then does not hold up the server's end.
                let line = try await cancelWhenGracefulShutdown { try await Self.firstLine(of: inbound) }
                guard let line else { return }
                let answer = await answer(line) { progress in
                    // Whoever went away is told nothing; the work goes on.
                    try? await outbound.write(Self.buffer(["progress": .object(progress)]))
                }
                try await outbound.write(Self.buffer(answer))
            }
        } catch {
            logger.debug("A control connection broke", metadata: ["reason": "\(error)"])
        }
    }

    private func answer(_ line: [UInt8], _ progress: @escaping ControlCommand.Progress) async -> [String: JSONValue] {
        guard let request = ControlRequest(line: line) else { return ["error": .string("that is no request")] }
        guard let command = commands[request.command] else {
            return ["error": .string("the server cannot do \"\(request.command)\" at present")]
        }
        do {
            return ["result": .object(try await command.perform(request.members, progress))]
        } catch let failure as CommandFailure {
            return ["error": .string(failure.message)]
        } catch {
            logger.error("A command failed", metadata: ["command": "\(command.name)", "reason": "\(error)"])
            return ["error": .string("it failed; the server's log says why")]
        }
    }

    /// The bytes before the first line feed; nil when the other side sends none, or too many.
    private static func firstLine(of inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> [UInt8]? {
        var line: [UInt8] = []
        for try await part in inbound {
            line += part.readableBytesView
            if let end = line.firstIndex(of: 0x0A) { return Array(line[..<end]) }
            guard line.count <= ControlRequest.longestLine else { return nil }
        }
        return nil
    }

    private static func buffer(_ members: [String: JSONValue]) -> ByteBuffer {
        ByteBuffer(bytes: JSONObject(members.map { JSONObject.Member(name: $0.key, value: $0.value) }).line)
    }
}

/// The name by which the system is told of a control socket.
///
/// It takes names of 107 bytes only: a longer one is given by way of the directory's descriptor.
struct ControlSocketPath {
    private static let longest = 100

    let path: String
    /// Open for as long as the name is used; nil when the name is the file's own.
    private let directory: Int32?

    /// - Throws: ``CommandFailure`` when the directory cannot be opened.
    init(in directory: String) throws {
        let path = "\(directory)/\(ControlSocket.name)"
        guard path.utf8.count > Self.longest else {
            self.path = path
            self.directory = nil
            return
        }
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure.operation("cannot open \(directory): \(String(cString: strerror(errno)))")
        }
        self.path = "/proc/self/fd/\(descriptor)/\(ControlSocket.name)"
        self.directory = descriptor
    }
}
