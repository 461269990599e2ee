import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import Synchronization
import Testing

/// Hands requests to the proxy of another engine, without a transport, unless it is to do something else.
final class DirectTransport: ExternalProxyTransport {
    typealias Answer = Result<(status: Int, body: [UInt8]), ExternalKeyFailure>

    private let far: KeyStoreProxyService
    private let meddling = Mutex<(@Sendable (SignedRequest) -> Answer?)?>(nil)
    private let seen = Mutex<[SignedRequest]>([])

    init(to far: KeyStoreProxyService) { self.far = far }

    /// The requests so far.
    var requests: [SignedRequest] { seen.withLock { $0 } }

    /// Has `answer` answer what it will, in the place of the other engine.
    func meddle(_ answer: (@Sendable (SignedRequest) -> Answer?)?) { meddling.withLock { $0 = answer } }

    func post(
        _ request: SignedRequest, to setting: ExternalProxySetting, answerAtMost limit: Int,
        until deadline: ContinuousClock.Instant
    ) async throws(ExternalKeyFailure) -> (status: Int, body: [UInt8]) {
        seen.withLock { $0.append(request) }
        if let answer = meddling.withLock({ $0 })?(request) { return try answer.get() }
        guard let path = KeyStoreProxyPath(request.path) else { return (404, []) }
        let client = Client(address: "127.0.0.1", userAgent: "test", referer: nil)
        let answer = await far.answer(request, at: path, from: client, requestID: RequestID.make())
        return answer.map { ($0.status, $0.body) } ?? (404, [])
    }
}

/// An engine with an external key store whose keys are another engine's.
final class ExternalKeyWorld: Sendable {
    static let region = KeyStoreProxyWorld.region
    static let endpoint = "https://far.example"

    let near: EngineHarness
    let far: KeyStoreProxyWorld
    let transport: DirectTransport
    private let directory: URL
    private let housekeeping: Task<Void, Never>
    private let isClosed = Mutex(false)

    /// Lends both.
    static func use(quotas: QuotaSettings = QuotaSettings(), _ body: (ExternalKeyWorld) async throws -> Void)
        async throws
    {
        try await KeyStoreProxyWorld.use { far in
            try await withTemporaryDirectory { directory in
                let transport = DirectTransport(to: try #require(far.harness.engine.keyStoreProxy))
                let world = try await ExternalKeyWorld(in: directory, far, transport, quotas)
                try await body(world)
                try await world.close()
            }
        }
    }

    private init(
        in directory: URL, _ far: KeyStoreProxyWorld, _ transport: DirectTransport, _ quotas: QuotaSettings
    ) async throws {
        (self.directory, self.far, self.transport) = (directory, far, transport)
        let setting = try #require(ExternalProxySetting("\(Self.endpoint)/111122223333/\(Self.region)"))
        let near = try await EngineHarness(
            in: directory, quotas: quotas, externalProxies: [setting], transport: transport)
        self.near = near
        housekeeping = Task { await near.engine.housekeeping.run() }
    }

    private func close() async throws {
        let wasClosed = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return isClosed
        }
        guard !wasClosed else { return }
        housekeeping.cancel()
        await housekeeping.value
        try await near.close()
    }

    /// Lends this side as it is after another start.
    func startAgain(_ body: (ExternalKeyWorld) async throws -> Void) async throws {
        try await close()
        let again = try await ExternalKeyWorld(in: directory, far, transport, QuotaSettings())
        try await body(again)
        try await again.close()
    }

    func call(_ operation: OperationName, _ body: String) async -> Answer {
        await near.call(operation, body, in: Self.region)
    }

    /// Asks for a store whose proxy is the other engine's.
    func makeStore(_ name: String = "s", at path: String = KeyStoreProxyWorld.uriPath) async -> Answer {
        await call(
            .createCustomKeyStore,
            """
            {"CustomKeyStoreName":"\(name)","CustomKeyStoreType":"EXTERNAL_KEY_STORE",
            "XksProxyConnectivity":"PUBLIC_ENDPOINT","XksProxyUriEndpoint":"\(Self.endpoint)",
            "XksProxyUriPath":"\(path)","XksProxyAuthenticationCredential":
            {"AccessKeyId":"\(KeyStoreProxyWorld.accessKeyID)","RawSecretAccessKey":"\(KeyStoreProxyWorld.secret)"}}
            """)
    }

    /// A store that is connected.
    func connectedStore() async throws -> String {
        let store = try await makeStore().string("CustomKeyStoreId")
        #expect(await call(.connectCustomKeyStore, #"{"CustomKeyStoreId":"\#(store)"}"#).code == nil)
        try await settle(store, "CONNECTED")
        return store
    }

    /// Waits until a store is in this condition.
    func settle(_ store: String, _ state: String) async throws {
        for _ in 0..<1000 {
            if try await self.state(of: store).text("ConnectionState") == state { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("the store does not become \(state)")
    }

    func state(of store: String) async throws -> JSONObject {
        let answer = try await call(.describeCustomKeyStores, #"{"CustomKeyStoreId":"\#(store)"}"#).object()
        return try #require(answer.objects("CustomKeyStores").first)
    }

    /// Asks for a key of the store with the only key that the other engine offers.
    func makeKey(in store: String, _ external: String = "k") async -> Answer {
        await call(
            .createKey,
            #"{"CustomKeyStoreId":"\#(store)","Origin":"EXTERNAL_KEY_STORE","XksKeyId":"\#(external)"}"#)
    }

    func encrypt(_ key: String) async -> Answer {
        await call(.encrypt, #"{"KeyId":"\#(key)","Plaintext":"SGVsbG8gV29ybGQh","EncryptionContext":{"a":"b"}}"#)
    }

    func decrypt(_ ciphertext: String, context: String = "b") async -> Answer {
        await call(
            .decrypt, #"{"CiphertextBlob":"\#(ciphertext)","EncryptionContext":{"a":"\#(context)"}}"#)
    }
}
