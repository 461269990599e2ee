import Foundation
import KMSModel
import NIOCore
import NIOPosix

/// Asks the server that runs over a data directory.
struct ControlClient {
    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private let directory: String
    private let path: ControlSocketPath

    /// Nil when no server listens there.
    ///
    /// - Throws: ``CommandFailure`` for a directory that is not there, or not for this user.
    init?(in directory: String) throws {
        guard FileManager.default.fileExists(atPath: directory) else {
            throw CommandFailure.operation("there is no data directory \(directory)")
        }
        self.directory = directory
        path = try ControlSocketPath(in: directory)
        guard FileManager.default.fileExists(atPath: path.path) else { return nil }
    }

    /// Sends a request, and returns what the server answers; nil when nobody listens any more: a socket that was left behind.
    ///
    /// - Parameter onProgress: Called with what the server says meanwhile.
    /// - Throws: ``CommandFailure`` with the server's sentence.
    func send(
        _ request: ControlRequest, onProgress: (JSONObject) -> Void = { _ in }
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
        return try await connection.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: request.line))
            return try await answer(in: inbound, onProgress)
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
