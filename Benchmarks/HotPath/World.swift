import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import KMSServer
import KMSStoreSQLite
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization

/// A server in this process, but for its socket: a store, keys, an audit log, and the handlers of a connection.
final class World {
    private static let account = AccountID("111122223333")
    private static let (accessKeyID, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    private static let region = "eu-central-1"
    static let context = #""EncryptionContext":{"department":"accounting","purpose":"benchmark"}"#

    private let directory: URL
    let engine: Engine
    private let store: SQLiteStore
    private let channel: EmbeddedChannel

    init() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("hot-path-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        try seal.create()
        var logger = Logger(label: "hot-path")
        logger.logLevel = .error
        guard let account = Self.account else { throw Failure.refused("no account") }
        let rootKey = try seal.open()
        (store, engine) = try waiting { [logger] in
            let store = try await SQLiteStore.open(in: directory.path)
            let engine = try await Engine(
                store: store, rootKey: rootKey, auditDirectory: directory.appendingPathComponent("audit"),
                configuration: EngineConfiguration(), logger: logger)
            try await engine.accounts.register(
                .init(
                    account: account, partition: .aws, accessKeyID: Self.accessKeyID,
                    secret: SecretBytes(copying: Self.secret.utf8)))
            return (store, engine)
        }
        self.directory = directory
        channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false)
        try Endpoint(engine: engine, metrics: engine.metrics.transport, logger: logger).answerCalls(on: channel)
    }

    func close() throws {
        _ = try? channel.finish()
        try waiting { [store, engine] in
            await engine.finish()
            try await store.close()
        }
        try FileManager.default.removeItem(at: directory)
    }

    // MARK: Asking

    private func signed(_ operation: OperationName, _ body: String) -> SignedRequest {
        let request = SignedRequest(
            method: "POST", path: "/", query: "",
            headers: [
                ("host", "127.0.0.1:4599"), ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "TrentService.\(operation.rawValue)"),
            ], body: Array(body.utf8))
        return Signer(accessKeyID: Self.accessKeyID, secret: SecretBytes(copying: Self.secret.utf8))
            .sign(request, region: Self.region, service: .kms, at: Date())
    }

    /// The bytes of a signed request.
    func request(_ operation: OperationName, _ body: String) -> [UInt8] {
        let signed = signed(operation, body)
        let names = [
            "host": "Host", "content-type": "Content-Type", "x-amz-target": "X-Amz-Target", "x-amz-date": "X-Amz-Date",
            "authorization": "Authorization",
        ]
        let lines = signed.headers.map { "\(names[$0.name] ?? $0.name): \($0.value)\r\n" }.joined()
        return Array("POST / HTTP/1.1\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
    }

    /// Sends a request and answers how many bytes came back; the answer has to be a 200, and be there at once.
    @inline(never)
    func send(_ request: [UInt8]) throws -> Int {
        try channel.writeInbound(ByteBuffer(bytes: request))
        channel.embeddedEventLoop.run()
        var count = 0
        while let part = try channel.readOutbound(as: ByteBuffer.self) {
            if count == 0, !part.readableBytesView.starts(with: "HTTP/1.1 200".utf8) {
                throw Failure.refused(String(buffer: part))
            }
            count += part.readableBytes
        }
        guard count > 0 else { throw Failure.notAnswered }
        return count
    }

    /// Asks for something that may take its time, and answers a member of what came back.
    func ask(_ operation: OperationName, _ body: String, for member: String...) throws -> String {
        let request = signed(operation, body)
        let answer = try waiting { [engine] in
            let client = Client(address: "127.0.0.1", userAgent: nil, referer: nil)
            return try await engine.pipeline.answer(
                request, for: operation, from: client, requestID: RequestID.make()
            ).get()
        }
        var value = try JSONParser.parse(answer)
        for name in member {
            guard case .object(let object) = value, let next = object[name] else { throw Failure.notAnswered }
            value = next
        }
        guard case .string(let found) = value else { throw Failure.notAnswered }
        return found
    }

    enum Failure: Error {
        case refused(String)
        case notAnswered
    }
}

/// Waits for what tasks do: a channel without a socket belongs to the thread that made it.
private func waiting<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
    let result = Mutex<Result<Value, any Error>?>(nil)
    let done = DispatchSemaphore(value: 0)
    Task {
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await work()) } catch { outcome = .failure(error) }
        result.withLock { $0 = outcome }
        done.signal()
    }
    done.wait()
    guard let outcome = result.withLock({ $0 }) else { throw World.Failure.notAnswered }
    return try outcome.get()
}
