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
    static let account = AccountID(BenchmarkPolicy.account)
    static let (accessKeyID, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    static let region = "us-east-1"
    static let context = #""EncryptionContext":{"department":"accounting","purpose":"benchmark"}"#

    private let directory: URL
    private let isTemporary: Bool
    let engine: Engine
    private let store: SQLiteStore
    private let channel: EmbeddedChannel

    /// - Parameter existing: A data directory of a server that does not run; nil for one that is made, and removed in the end.
    init(at existing: URL? = nil) throws {
        let directory =
            existing ?? FileManager.default.temporaryDirectory.appendingPathComponent("hot-path-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        if !seal.exists { try seal.create() }
        var logger = Logger(label: "hot-path")
        logger.logLevel = .error
        guard let account = Self.account else { throw Failure.refused("no account") }
        var configuration = EngineConfiguration()
        // No file is closed for its size while something is measured: calls would have to wait for that.
        configuration.audit.fileSize = 1 << 40
        // More than is ever asked: the quotas are held, and nobody is refused.
        configuration.quotas = QuotaSettings(
            profile: .aws,
            overrides: try QuotaOverrides(
                json:
                    #"{"*":{"requests":{"symmetric":1000000,"CreateKey":1000000,"CreateGrant":1000000},"resources":{"keys":1000000,"grantsPerKey":50000}}}"#
                    .utf8))
        let rootKey = try seal.open()
        (store, engine) = try waiting { [logger, configuration] in
            let store = try await SQLiteStore.open(in: directory.path)
            let engine = try await Engine(
                store: store, rootKey: rootKey, auditDirectory: directory.appendingPathComponent("audit"),
                configuration: configuration, logger: logger)
            try await engine.accounts.register(
                .init(
                    account: account, partition: .aws, accessKeyID: Self.accessKeyID,
                    secret: SecretBytes(copying: Self.secret.utf8)))
            return (store, engine)
        }
        self.directory = directory
        isTemporary = existing == nil
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
        if isTemporary { try FileManager.default.removeItem(at: directory) }
    }

    // MARK: Asking

    static func signed(_ operation: OperationName, _ body: String) -> SignedRequest {
        let request = SignedRequest(
            method: "POST", path: "/", query: "",
            headers: [
                ("host", "127.0.0.1:4599"), ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "TrentService.\(operation.rawValue)"),
            ], body: Array(body.utf8))
        return Signer(accessKeyID: accessKeyID, secret: SecretBytes(copying: secret.utf8))
            .sign(request, region: region, service: .kms, at: Date())
    }

    /// The bytes of a signed request.
    func request(_ operation: OperationName, _ body: String) -> [UInt8] {
        let signed = Self.signed(operation, body)
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

    /// What the pipeline answers, without HTTP.
    static func answer(
        _ request: SignedRequest, _ operation: OperationName, by engine: Engine
    ) async throws -> [UInt8] {
        let client = Client(address: "127.0.0.1", userAgent: nil, referer: nil)
        return try await engine.pipeline.answer(
            request, for: operation, from: client, requestID: RequestID.make()
        ).get()
    }

    // MARK: Keys

    /// Makes a key, and answers its identifier.
    ///
    /// - Parameter policy: Nil for the one that the console makes.
    func makeKey(policy: String? = nil) throws -> String {
        let body = policy.map { text in
            #"{"Policy":"\#(text.replacing("\"", with: "\\\""))","BypassPolicyLockoutSafetyCheck":true}"#
        }
        return try ask(.createKey, body ?? "{}", for: "KeyMetadata", "KeyId")
    }

    /// The identifiers of the first keys of its region.
    func keyIDs(_ count: Int) throws -> [String] {
        guard case .array(let keys) = try value(of: .listKeys, #"{"Limit":\#(count)}"#, at: ["Keys"]) else {
            throw Failure.notAnswered
        }
        return keys.compactMap { if case .object(let key) = $0 { key.text("KeyId") } else { nil } }
    }

    /// The body of an Encrypt of 32 bytes with a context of two pairs.
    static func encryptBody(key: String, number: Int = 0) -> String {
        let text = Data((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }).base64EncodedString()
        return #"{"KeyId":"\#(key)","Plaintext":"\#(text)",\#(context)}"#
    }

    /// Asks for something that may take its time, and answers a member of what came back.
    func ask(_ operation: OperationName, _ body: String, for member: String...) throws -> String {
        guard case .string(let found) = try value(of: operation, body, at: member) else { throw Failure.notAnswered }
        return found
    }

    private func value(of operation: OperationName, _ body: String, at member: [String]) throws -> JSONValue {
        let answer = try waiting { [engine] in
            try await Self.answer(Self.signed(operation, body), operation, by: engine)
        }
        var value = try JSONParser.parse(answer)
        for name in member {
            guard case .object(let object) = value, let next = object[name] else { throw Failure.notAnswered }
            value = next
        }
        return value
    }

    enum Failure: Error {
        case refused(String)
        case notAnswered
    }
}

/// Waits for what tasks do: a channel without a socket belongs to the thread that made it.
func waiting<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
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
