import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSIdentity
import KMSModel
import KMSStore
import Logging
import Synchronization
import Testing

/// A node: an engine over a store that it shares with others.
final class NodeHarness: Sendable {
    let engine: Engine
    let store: SharedMemoryStore
    private let following: Task<Void, Never>?

    /// - Parameters:
    ///   - follows: Whether it learns what others change.
    ///   - outage: How long it answers from memory.
    init(
        _ name: String, over store: SharedMemoryStore, in directory: URL, follows: Bool = true,
        capacity: Int = 1000, outage: Duration = .seconds(60)
    ) async throws {
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        if !seal.exists { try seal.create() }
        self.store = store
        var configuration = EngineConfiguration()
        configuration.node = name
        configuration.cachedKeys = capacity
        configuration.storeOutage = outage
        engine = try await Engine(
            store: store, rootKey: try seal.open(), auditDirectory: directory.appendingPathComponent("audit-\(name)"),
            configuration: configuration, logger: Logger(label: "test"))
        following = follows ? engine.follower.map { follower in Task { await follower.run() } } : nil
        if engine.identities.accounts.isEmpty {
            let account = try #require(EngineHarness.account)
            try await engine.accounts.register(
                .init(
                    account: account, partition: .aws, accessKeyID: EngineHarness.accessKeyID,
                    secret: SecretBytes(copying: EngineHarness.secret.utf8)))
        }
    }

    func close() async {
        following?.cancel()
        await following?.value
        await engine.finish()
    }

    /// Sends a signed request.
    func call(
        _ operation: OperationName, _ body: String, in region: String = EngineHarness.region
    ) async -> Answer {
        let request = SignedRequest(
            method: "POST", path: "/", query: "",
            headers: [("host", "localhost"), ("x-amz-target", "TrentService.\(operation.rawValue)")],
            body: Array(body.utf8))
        let signed = Signer(
            accessKeyID: EngineHarness.accessKeyID, secret: SecretBytes(copying: EngineHarness.secret.utf8)
        ).sign(request, region: region, service: .kms, at: Date())
        let client = Client(address: "127.0.0.1", userAgent: "test", referer: nil)
        let result = await engine.pipeline.answer(signed, for: operation, from: client, requestID: RequestID.make())
        return Answer(result: result)
    }

    /// Makes a key and answers its identifier.
    func makeKey(_ body: String = "{}") async throws -> String {
        try await call(.createKey, body).string("KeyMetadata", "KeyId")
    }

    /// Encrypts a little text, and answers the ciphertext in base64.
    func encrypt(with key: String) async throws -> String {
        try await call(.encrypt, #"{"KeyId":"\#(key)","Plaintext":"aGVsbG8="}"#).string("CiphertextBlob")
    }

    func decrypt(_ text: String) async -> Answer { await call(.decrypt, #"{"CiphertextBlob":"\#(text)"}"#) }
}

/// Runs `body` with nodes over one store.
func withNodes(
    _ count: Int = 2, follow: Bool = true, capacity: Int = 1000, outage: Duration = .seconds(60),
    _ body: ([NodeHarness]) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let store = try await SharedMemoryStore(in: directory)
        var nodes: [NodeHarness] = []
        for number in 0..<count {
            nodes.append(
                try await NodeHarness(
                    "n\(number)", over: store, in: directory, follows: follow, capacity: capacity, outage: outage))
        }
        try await body(nodes)
        store.isCut.store(false, ordering: .relaxed)
        for node in nodes { await node.close() }
        try await store.close()
    }
}

/// Waits until `condition` holds, for a minute at the most: other tests want the processors too.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<6000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never: \(what)")
}

/// Something that one task tells another.
final class Flag: Sendable {
    let isSet = Atomic(false)
}
