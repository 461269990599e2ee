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

/// A connection of HTTP/1.1 without a socket, over a whole engine; a note of what is handed on stands for the framework.
final class CallConnection: Sendable {
    private static let (accessKeyID, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    let channel: NIOAsyncTestingChannel
    let framework: Framework
    let outbound = Outbound()
    private let engine: Engine
    private let store: SQLiteStore
    private let directory: URL

    /// - Parameter waits: Whether every answer waits for the disk.
    init(waits: Bool) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("calls-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        try seal.create()
        store = try await SQLiteStore.open(in: directory.path)
        var configuration = EngineConfiguration()
        configuration.audit.sync = waits ? .everyGroup : .eachSecond
        let logger = Logger(label: "test")
        engine = try await Engine(
            store: store, rootKey: try seal.open(), auditDirectory: directory.appendingPathComponent("audit"),
            configuration: configuration, logger: logger)
        guard let account = AccountID("111122223333") else { throw CocoaError(.coderInvalidValue) }
        try await engine.accounts.register(
            .init(
                account: account, partition: .aws, accessKeyID: Self.accessKeyID,
                secret: SecretBytes(copying: Self.secret.utf8)))
        let endpoint = try Endpoint(engine: engine, metrics: engine.metrics.transport, logger: logger)
        framework = Framework()
        channel = try await NIOAsyncTestingChannel { [framework, outbound] channel in
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(outbound)
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false)
            try endpoint.answerCalls(on: channel)
            try pipeline.addHandler(framework)
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
    }

    func close() async throws {
        _ = try? await channel.finish(acceptAlreadyClosed: true)
        await engine.finish()
        try await store.close()
        try FileManager.default.removeItem(at: directory)
    }

    /// The bytes of a request that a signature says to be genuine.
    func genuine(_ body: String, _ operation: String = "GenerateRandom") -> String {
        let request = SignedRequest(
            method: "POST", path: "/", query: "",
            headers: [("host", "kms"), ("x-amz-target", "TrentService.\(operation)")], body: Array(body.utf8))
        let signed = Signer(accessKeyID: Self.accessKeyID, secret: SecretBytes(copying: Self.secret.utf8))
            .sign(request, region: "eu-central-1", service: .kms, at: Date())
        let lines = signed.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        return
            "POST / HTTP/1.1\r\n\(lines)Content-Type: application/x-amz-json-1.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    func send(_ text: String) async throws { try await channel.writeInbound(ByteBuffer(string: text)) }

    /// What was written so far.
    func written() async throws -> String {
        // What is sent is sent at the end of a turn of the loop.
        await channel.testingEventLoop.run()
        var text = ""
        while let part = try await channel.readOutbound(as: IOData.self) {
            if case .byteBuffer(let buffer) = part { text += String(buffer: buffer) }
        }
        return text
    }

    /// What was written once there are so many answers.
    func written(_ count: Int) async throws -> String {
        var text = ""
        for _ in 0..<6000 {
            text += try await written()
            if text.components(separatedBy: "HTTP/1.1 ").count > count { return text }
            try await Task.sleep(for: .milliseconds(10))
        }
        return text
    }

    /// Does something on the connection's event loop.
    func onLoop(_ work: @escaping @Sendable () throws -> Void) async throws {
        try await channel.eventLoop.submit { try work() }.get()
    }
}

/// Takes down what is handed on, and answers when it is told to.
final class Framework: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let notes = Mutex<[String]>([])
    /// How often it was told that all was handed on which is there.
    let completeCount = Atomic(0)
    /// Whether it closes the connection when the server ends, as the framework does when it knows of no request.
    let closesAtTheEnd = Atomic(false)

    /// What came, one word for each.
    var log: [String] { notes.withLock { $0 } }

    private func note(_ text: String) { notes.withLock { $0.append(text) } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): note("\(head.method) \(head.uri)")
        case .body(let body): note("+\(body.readableBytes)")
        case .end: note("end")
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { note("error") }

    func channelReadComplete(context: ChannelHandlerContext) { completeCount.add(1, ordering: .relaxed) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        note(event is ChannelShouldQuiesceEvent ? "quiesce" : "event")
        if closesAtTheEnd.load(ordering: .relaxed), event is ChannelShouldQuiesceEvent { context.close(promise: nil) }
    }

    /// Answers one request.
    static func answer(on channel: any Channel) {
        let head = HTTPResponseHead(version: .http1_1, status: .accepted, headers: ["Content-Length": "0"])
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
    }
}

/// Counts how often something is sent.
final class Outbound: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = IOData
    let flushCount = Atomic(0)

    func flush(context: ChannelHandlerContext) {
        flushCount.add(1, ordering: .relaxed)
        context.flush()
    }
}
