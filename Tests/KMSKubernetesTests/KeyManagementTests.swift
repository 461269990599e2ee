import GRPCCore
import KMSKubernetes
import KMSModel
import Logging
import Testing

struct KeyManagementTests {
    private let kms = SampleKMS()
    private let clock = SampleClock()
    private let management: KeyManagement
    private let seed = SecretBytes(copying: [UInt8](1...32))

    init() {
        let key = ConfiguredKey(kms: kms, reference: "\(Samples.arn)", previous: [], context: [:])
        management = KeyManagement(
            key: key, now: clock.now, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    // MARK: Status

    @Test
    func `all is well when the key encrypts and decrypts`() async {
        let status = await management.status()
        #expect(status.healthz == "ok")
        #expect(status.keyID == "\(Samples.key(1))")
        #expect(kms.calls == ["DescribeKey", "Encrypt", "Decrypt"])
    }

    @Test
    func `many questions are one for the KMS, and proofs are made once a minute`() async {
        for _ in 0..<10 { _ = await management.status() }
        #expect(kms.calls.count == 3)
        clock.advance(by: .seconds(10))
        _ = await management.status()
        #expect(kms.calls.count == 4)
        clock.advance(by: .seconds(51))
        _ = await management.status()
        #expect(kms.calls.count == 7)
    }

    @Test
    func `questions at the same time are one for the KMS`() async {
        await withTaskGroup { group in
            for _ in 0..<20 { group.addTask { _ = await management.status() } }
        }
        #expect(kms.calls == ["DescribeKey", "Encrypt", "Decrypt"])
    }

    @Test
    func `a rotation changes the key_id, is proved at once, and is not taken back`() async {
        _ = await management.status()
        kms.change { $0.key.key = Samples.key(2) }
        clock.advance(by: .seconds(5))
        #expect(await management.status().keyID == "\(Samples.key(2))")
        #expect(kms.calls.suffix(3) == ["DescribeKey", "Encrypt", "Decrypt"])
        kms.change { $0.key.key = Samples.key(1) }
        clock.advance(by: .seconds(5))
        #expect(await management.status().keyID == "\(Samples.key(2))")
    }

    @Test(arguments: [
        ("Disabled", "SYMMETRIC_DEFAULT", "not enabled"), ("PendingDeletion", "SYMMETRIC_DEFAULT", "PendingDeletion"),
        ("Enabled", "RSA_2048", "no symmetric"),
    ])
    func `a key that cannot serve is said to be so`(state: String, spec: String, says: String) async {
        kms.change { ($0.key.state, $0.key.spec) = (state, spec) }
        let status = await management.status()
        #expect(status.healthz.contains(says))
        #expect(kms.calls == ["DescribeKey"])
    }

    @Test
    func `a server that tells no material is not relied on`() async {
        kms.change { $0.key.key = KeyEncryptionKey(arn: Samples.arn, material: nil) }
        #expect(await management.status().healthz.contains("key material"))
        kms.change { $0.key.origin = "AWS_CLOUDHSM" }
        clock.advance(by: .seconds(5))
        #expect(await management.status().healthz == "ok")
    }

    @Test
    func `a KMS that is away leaves the key_id as it was, and all is well when it is back`() async {
        kms.change { $0.failure = .unreachable("no route") }
        #expect(await management.status().keyID.isEmpty)
        kms.change { $0.failure = nil }
        clock.advance(by: .seconds(5))
        #expect(await management.status().healthz == "ok")
        kms.change { $0.failure = .unreachable("no route") }
        clock.advance(by: .seconds(5))
        let status = await management.status()
        #expect(status.healthz.contains("no route"))
        #expect(status.keyID == "\(Samples.key(1))")
    }

    @Test
    func `a failed encryption makes the next status a new one`() async {
        _ = await management.status()
        kms.change { $0.failure = .refused(code: .accessDenied, name: "AccessDeniedException", message: "no") }
        await #expect(throws: Refusal.self) { try await management.encrypt(seed) }
        #expect(await management.status().healthz == "AccessDeniedException: no")
    }

    // MARK: Encrypt and Decrypt

    @Test
    func `the key_id is that of the material which encrypted, also when the key rotates meanwhile`() async throws {
        _ = await management.status()
        kms.change { state in
            state.key.key = Samples.key(2)
            state.afterEncrypt = { $0.key.key = Samples.key(3) }
        }
        let encrypted = try await management.encrypt(seed)
        #expect(encrypted.keyID == "\(Samples.key(2))")
        clock.advance(by: .seconds(5))
        #expect(await management.status().keyID == "\(Samples.key(3))")
        let decrypted = try await management.decrypt(
            encrypted.ciphertext, keyID: encrypted.keyID, hasAnnotations: false)
        #expect(decrypted.withBytes { Array($0) } == Array(1...32))
    }

    @Test(arguments: [0, 513, 5000])
    func `a plaintext has bounds`(count: Int) async {
        let plaintext = SecretBytes(copying: [UInt8](repeating: 1, count: count))
        await expectInvalid { _ = try await management.encrypt(plaintext) }
        #expect(kms.calls.isEmpty)
    }

    @Test
    func `a ciphertext that Kubernetes would not store is not answered`() async {
        kms.change { $0.overhead = 1024 - 32 }
        await #expect(throws: Never.self) { _ = try await management.encrypt(seed) }
        kms.change { $0.overhead = 1024 - 31 }
        await #expect(throws: Refusal.self) { try await management.encrypt(seed) }
    }

    @Test(arguments: [
        (0, "\(Samples.key(1))", false), (1025, "\(Samples.key(1))", false), (33, "", false), (33, "nonsense", false),
        (33, "\(Samples.key(1))", true), (33, "\(Samples.key(1))" + String(repeating: "0", count: 2000), false),
    ])
    func `what was never made is refused without asking`(count: Int, keyID: String, hasAnnotations: Bool) async {
        await expectInvalid {
            _ = try await management.decrypt(
                [UInt8](repeating: 1, count: count), keyID: keyID, hasAnnotations: hasAnnotations)
        }
        #expect(kms.calls.isEmpty)
    }

    @Test
    func `another key is not asked`() async {
        let other = KeyEncryptionKey(arn: Samples.arn("00000000-12ab-34cd-56ef-1234567890ab"), material: nil)
        await expectInvalid {
            _ = try await management.decrypt([1, 2], keyID: "\(other)", hasAnnotations: false)
        }
        #expect(kms.calls == ["DescribeKey"])
    }

    @Test
    func `a key_id of another material is refused`() async throws {
        let encrypted = try await management.encrypt(seed)
        await expectInvalid {
            _ = try await management.decrypt(encrypted.ciphertext, keyID: "\(Samples.key(2))", hasAnnotations: false)
        }
    }

    @Test
    func `a key_id of a custom key store's key names no material, and one that does is refused`() async throws {
        kms.change { ($0.key.key, $0.key.origin) = (KeyEncryptionKey(arn: Samples.arn, material: nil), "AWS_CLOUDHSM") }
        let encrypted = try await management.encrypt(seed)
        #expect(encrypted.keyID == "\(Samples.arn)")
        let decrypted = try await management.decrypt(
            encrypted.ciphertext, keyID: encrypted.keyID, hasAnnotations: false)
        #expect(decrypted.withBytes { Array($0) } == Array(1...32))
        await expectInvalid {
            _ = try await management.decrypt(encrypted.ciphertext, keyID: "\(Samples.key(1))", hasAnnotations: false)
        }
    }

    @Test
    func `a key_id without a material is refused where one decrypts`() async throws {
        let encrypted = try await management.encrypt(seed)
        await expectInvalid {
            _ = try await management.decrypt(encrypted.ciphertext, keyID: "\(Samples.arn)", hasAnnotations: false)
        }
    }

    private func expectInvalid(_ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("it was done")
        } catch {
            #expect((error as? Refusal).map { RPCError($0).code } == .invalidArgument)
        }
    }
}

struct RefusalTests {
    @Test(arguments: [
        (KMSError.Code.accessDenied, RPCError.Code.permissionDenied), (.disabled, .failedPrecondition),
        (.kmsInvalidState, .failedPrecondition), (.throttling, .unavailable), (.kmsInternal, .unavailable),
        (.invalidCiphertext, .invalidArgument), (.incorrectKey, .invalidArgument), (.notFound, .notFound),
        (.unrecognizedClient, .unauthenticated), (.expiredToken, .unauthenticated), (.validation, .internalError),
    ])
    func `a refusal of the KMS has its code in gRPC`(code: KMSError.Code, expected: RPCError.Code) {
        let failure = KMSFailure.refused(code: code, name: code.rawValue, message: "because")
        let error = RPCError(Refusal.kms(failure))
        #expect(error.code == expected)
        #expect(error.message == "\(code.rawValue): because")
    }

    @Test
    func `other failures have theirs`() {
        #expect(RPCError.Code(KMSFailure.unreachable("")) == .unavailable)
        #expect(RPCError.Code(KMSFailure.noCredentials("")) == .unauthenticated)
        #expect(RPCError.Code(KMSFailure.outdated(Samples.key(1))) == .unavailable)
        #expect(RPCError.Code(KMSFailure.unexpectedAnswer("")) == .internalError)
        #expect(RPCError.Code(KMSFailure.refused(code: nil, name: "New", message: "")) == .internalError)
    }

    @Test
    func `what may go better a moment later is tried again`() {
        func refusal(_ code: KMSError.Code) -> KMSFailure { .refused(code: code, name: "", message: "") }
        #expect(refusal(.throttling).isTransient)
        #expect(KMSFailure.unreachable("").isTransient)
        #expect(!refusal(.accessDenied).isTransient)
        #expect(!refusal(.disabled).isTransient)
        #expect(!KMSFailure.unexpectedAnswer("").isTransient)
    }
}
