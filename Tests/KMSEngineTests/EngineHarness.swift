import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite
import Logging
import Testing

/// A whole engine in process: real store, real cryptography, the real pipeline; only the transport is missing.
final class EngineHarness: Sendable {
    static let accessKeyID = "AKIAIOSFODNN7EXAMPLE"
    static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    static let account = AccountID("111122223333")
    static let region = "eu-central-1"

    let directory: URL
    let engine: Engine
    private let store: SQLiteStore

    init(
        in directory: URL, randomness: any RandomSource = SystemRandomness(), quotas: QuotaSettings = QuotaSettings(),
        audit: AuditConfiguration = AuditConfiguration(), keyStoreProxies: KeyStoreProxies? = nil,
        externalProxies: [ExternalProxySetting] = [], transport: (any ExternalProxyTransport)? = nil
    ) async throws {
        self.directory = directory
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        if !seal.exists { try seal.create() }
        store = try await SQLiteStore.open(in: directory.path)
        var configuration = EngineConfiguration()
        configuration.audit = audit
        configuration.isClockControllable = true
        configuration.quotas = quotas
        configuration.keyStoreProxies = keyStoreProxies
        configuration.externalProxies = externalProxies
        configuration.externalProxyTransport = transport
        engine = try await Engine(
            store: store, rootKey: try seal.open(), randomness: randomness,
            auditDirectory: directory.appendingPathComponent("audit"), configuration: configuration,
            logger: Logger(label: "test")
        )
        let account = try #require(Self.account)
        try await engine.accounts.register(
            .init(
                account: account, partition: .aws, accessKeyID: Self.accessKeyID,
                secret: SecretBytes(copying: Self.secret.utf8))
        )
    }

    /// Lets go of the directory, so that another engine can open it.
    ///
    /// - Parameter crashing: Whether what is left to do at the end is left undone.
    func close(crashing: Bool = false) async throws {
        if crashing { engine.audit.close() } else { await engine.finish() }
        try await store.close()
    }

    /// Copies what is stored.
    func copyStore(to path: String) async throws { try await store.copy(to: path) }

    /// Lets nothing into the audit log any more, as if the process ended before each record.
    func stopRecording() { engine.audit.close() }

    /// Verifies the audit log, which an engine may be writing.
    func verifyAudit() throws -> AuditReport { try engine.auditVerification(of: .init()).run() }

    /// Sends a signed request through the pipeline.
    func call(_ operation: OperationName, _ body: String, in region: String = EngineHarness.region) async -> Answer {
        let request = sign(body, target: "TrentService.\(operation.rawValue)", .kms, region)
        let client = Client(address: "127.0.0.1", userAgent: "test", referer: nil)
        let result = await engine.pipeline.answer(request, for: operation, from: client, requestID: RequestID.make())
        return Answer(result: result)
    }

    /// Answers a signed request, and leaves it to the caller to keep its record.
    func unkept(_ operation: OperationName, _ body: String) async -> UnkeptAnswer {
        let request = sign(body, target: "TrentService.\(operation.rawValue)", .kms, Self.region)
        let client = Client(address: "127.0.0.1", userAgent: "test", referer: nil)
        return await engine.pipeline.unkeptAnswer(
            to: engine.pipeline.received(
                request, for: operation, from: client, requestID: RequestID.make(), Stopwatch()))
    }

    /// Moves the clock; what is due by then has happened when this returns.
    func advance(days: Int) async throws {
        let service = try #require(engine.clockService)
        let request = sign(
            "{\"Seconds\":\(days * 86_400)}", target: "Chatelaine.AdvanceClock", .administration, Self.region)
        let client = Client(address: "127.0.0.1", userAgent: "test", referer: nil)
        _ = try await service.advance(request, from: client, requestID: RequestID.make())
    }

    /// Makes a key and answers its identifier.
    func makeKey(_ body: String = "{}") async throws -> String {
        try await call(.createKey, body).string("KeyMetadata", "KeyId")
    }

    /// The records of the audit log, the oldest first.
    func auditRecords() throws -> [JSONObject] {
        let audit = directory.appendingPathComponent("audit")
        let names = try FileManager.default.contentsOfDirectory(atPath: audit.path).sorted()
        let text = try names.reduce(into: Data()) { $0 += try Data(contentsOf: audit.appendingPathComponent($1)) }
        return try text.split(separator: 0x0A).map { line in
            guard case .object(let object) = try JSONParser.parse(line) else { throw JSONFailure.syntax(offset: 0) }
            return object
        }
    }

    private func sign(_ body: String, target: String, _ service: SigningService, _ region: String) -> SignedRequest {
        let request = SignedRequest(
            method: "POST", path: "/", query: "", headers: [("host", "localhost"), ("x-amz-target", target)],
            body: Array(body.utf8)
        )
        return Signer(accessKeyID: Self.accessKeyID, secret: SecretBytes(copying: Self.secret.utf8))
            .sign(request, region: region, service: service, at: Date())
    }
}

/// What a call answered.
struct Answer {
    let result: Result<[UInt8], KMSError>

    /// The error's code, or nil after a success.
    var code: KMSError.Code? {
        if case .failure(let error) = result { error.code } else { nil }
    }

    func object() throws -> JSONObject {
        guard case .object(let object) = try JSONParser.parse(result.get()) else { throw JSONFailure.syntax(offset: 0) }
        return object
    }

    /// The string that stands at this path of members.
    func string(_ path: String...) throws -> String {
        var value = JSONValue.object(try object())
        for name in path {
            guard case .object(let object) = value else { break }
            value = object[name] ?? .null
        }
        guard case .string(let text) = value else { throw KMSError(.kmsInternal, "no string at \(path)") }
        return text
    }
}

/// Runs `body` with a directory that is gone afterwards.
func withTemporaryDirectory<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("engine-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(directory)
}
