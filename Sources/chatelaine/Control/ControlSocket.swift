import Foundation
import KMSModel
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

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
            try await connection.executeThenClose { inbound, _ in
                // Who has asked nothing by then does not hold up the server's end.
                let line = try await cancelWhenGracefulShutdown { try await Self.firstLine(of: inbound) }
                guard let line else { return }
                let listener = ControlListener(connection.channel)
                guard let request = ControlRequest(line: line) else {
                    return try await listener.end("error", .string("that is no request"))
                }
                guard let command = commands[request.command] else {
                    return try await listener.end(
                        "error", .string("the server cannot do \"\(request.command)\" at present"))
                }
                try await perform(command, request.members, for: listener)
            }
        } catch {
            logger.debug("A control connection broke", metadata: ["reason": "\(error)"])
        }
    }

    private func perform(
        _ command: ControlCommand, _ members: JSONObject, for listener: ControlListener
    ) async throws {
        let answer: JSONObject
        do {
            answer = try await command.perform(members, listener.progress)
        } catch let failure as CommandFailure {
            return try await listener.end("error", .string(failure.message))
        } catch {
            logger.error("A command failed", metadata: ["command": "\(command.name)", "reason": "\(error)"])
            return try await listener.end("error", .string("it failed; the server's log says why"))
        }
        guard let afterwards = command.afterwards else { return try await listener.end("result", .object(answer)) }
        do {
            try await listener.end("result", .object(answer))
            await listener.departure()
            // Who is still there at the server's end may need what the next start takes away.
            if Task.isShuttingDownGracefully { return }
        } catch {
            logger.debug("Nobody listens to the answer of a command", metadata: ["reason": "\(error)"])
        }
        afterwards(answer)
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
}

/// The one who asked for something by a control socket.
///
/// The work never waits for them: only the answer does, and not for long.
private final class ControlListener: Sendable {
    /// The time between two lines of progress.
    private static let pause: Duration = .milliseconds(250)
    /// How long the answer may take to leave: somebody who does not read must not hold up the server's end.
    private static let patience: TimeAmount = .seconds(10)

    private let channel: any Channel
    private let last = Mutex<ContinuousClock.Instant?>(nil)

    init(_ channel: any Channel) { self.channel = channel }

    /// Sends a line of progress, unless one was sent just now or the ones of before were not read.
    @Sendable func progress(_ progress: JSONObject) {
        let isDue = last.withLock { last in
            let now = ContinuousClock.now
            guard last.map({ now - $0 >= Self.pause }) ?? true else { return false }
            last = now
            return true
        }
        guard isDue, channel.isWritable else { return }
        channel.writeAndFlush(Self.buffer("progress", .object(progress)), promise: nil)
    }

    /// Sends the last line, and returns when it has left.
    func end(_ name: String, _ value: JSONValue) async throws {
        let deadline = channel.eventLoop.scheduleTask(in: Self.patience) { [channel] in channel.close(promise: nil) }
        defer { deadline.cancel() }
        try await channel.writeAndFlush(Self.buffer(name, value))
    }

    /// Returns when they have gone, or the server is to end.
    func departure() async {
        let (presence, end) = AsyncStream<Never>.makeStream()
        channel.closeFuture.whenComplete { _ in end.finish() }
        for await _ in presence.cancelOnGracefulShutdown() {}
    }

    private static func buffer(_ name: String, _ value: JSONValue) -> ByteBuffer {
        ByteBuffer(bytes: JSONObject([JSONObject.Member(name: name, value: value)]).line)
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
