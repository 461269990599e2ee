import Foundation
import KMSModel
import NIOCore
import NIOPosix

/// Asks the server that runs over a data directory.
struct ControlClient {
    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private let directory: String
    private let path: ControlSocketPath
    private let owner: DirectoryOwner

    /// Nil when no server listens there.
    ///
    /// - Throws: ``CommandFailure`` for a directory that is not there, not for this user, or where others can write.
    init?(in directory: String) throws {
        guard try Presence.of(directory) else {
            throw CommandFailure.operation("there is no data directory \(directory)")
        }
        self.directory = directory
        owner = try DirectoryOwner(of: directory)
        path = try ControlSocketPath(in: directory)
        guard try Presence.of(path.path) else { return nil }
    }

    /// Sends a request, and returns what the server answers; nil when nobody listens any more: a socket that was left behind.
    ///
    /// - Parameters:
    ///   - onProgress: Called with what the server says meanwhile.
    ///   - onAnswer: Called with the answer while the server still knows that this client is there.
    /// - Throws: ``CommandFailure`` with the server's sentence, or when the server is not who may have the request.
    func send(
        _ request: ControlRequest, onProgress: (JSONObject) -> Void = { _ in },
        onAnswer: (JSONObject) async throws -> Void = { _ in }
    ) async throws -> JSONObject? {
        let connection: Connection
        do {
            connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(unixDomainSocketPath: path.path) { channel in
                    channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
                }
        } catch let error as IOError where error.errnoCode == ECONNREFUSED || error.errnoCode == ENOENT {
            return nil
        } catch {
            throw CommandFailure.operation("cannot reach the server of \(directory): \(error)")
        }
        do {
            return try await connection.executeThenClose { inbound, outbound in
                try await owner.checkPeer(of: connection.channel, directory)
                try await outbound.write(ByteBuffer(bytes: request.line))
                let answer = try await answer(in: inbound, onProgress)
                try await onAnswer(answer)
                return answer
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw CommandFailure.operation("the server of \(directory) ended without an answer: \(reason)")
        }
    }

    private func answer(
        in inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ onProgress: (JSONObject) -> Void
    ) async throws -> JSONObject {
        var rest: [UInt8] = []
        for try await part in inbound {
            rest += part.readableBytesView
            while let end = rest.firstIndex(of: 0x0A) {
                guard case .object(let reply)? = try? JSONParser.parse(Array(rest[..<end])) else { break }
                rest.removeSubrange(...end)
                if let progress = reply.object("progress") { onProgress(progress) }
                if let message = reply.text("error") { throw CommandFailure.operation(message) }
                if let result = reply.object("result") { return result }
            }
            guard rest.count <= ControlRequest.longestLine else { break }
        }
        throw CommandFailure.operation("the server of \(directory) ended without an answer")
    }
}
