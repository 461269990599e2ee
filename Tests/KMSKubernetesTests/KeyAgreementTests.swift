import GRPCCore
import KMSKubernetes
import KMSModel
import Logging
import Testing

/// What Kubernetes wants of a plugin: Encrypt answers the `key_id` that Status answered last, and when it could not, since the
/// KMS has rotated the key, the next Status answers that of Encrypt.
///
/// An API server throws away what was encrypted with anything else, and one that starts then can read and write no secrets.
struct KeyAgreementTests {
    private let kms = SampleKMS()
    private let clock = SampleClock()
    private let management: KeyManagement
    private let seed = SecretBytes(copying: [UInt8](1...32))
    private let first = Samples.key(1)
    private let second = Samples.key(2, of: Samples.arn("00000000-12ab-34cd-56ef-1234567890ab"))

    init() {
        let key = ConfiguredKey(kms: kms, reference: "alias/cluster", previous: [], context: [:])
        management = KeyManagement(
            key: key, now: clock.now, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test
    func `an alias can be pointed elsewhere and back at any time`() async throws {
        try await expectAgreement(on: first)
        point(to: second)
        // Status has not said it yet.
        #expect(try await management.encrypt(seed).keyID == "\(first)")
        clock.advance(by: .seconds(5))
        try await expectAgreement(on: second)
        point(to: first)
        for _ in 0..<59 {
            clock.advance(by: .seconds(5))
            try await expectAgreement(on: second)
        }
        clock.advance(by: .seconds(5))
        #expect(try await management.encrypt(seed).keyID == "\(second)")
        try await expectAgreement(on: first)
    }

    @Test
    func `a rotation that an encryption shows is in the next status`() async throws {
        try await expectAgreement(on: first)
        kms.change { $0.key.key = Samples.key(2) }
        #expect(try await management.encrypt(seed).keyID == "\(Samples.key(2))")
        try await expectAgreement(on: Samples.key(2))
        #expect(kms.calls.count { $0 == "DescribeKey" } == 2)
    }

    @Test
    func `what a description says is older than an encryption that was answered meanwhile`() async throws {
        kms.change { state in
            state.whileDescribing = { [kms, management, seed] in
                kms.change { $0.key.key = Samples.key(2) }
                let encrypted = try? await management.encrypt(seed)
                #expect(encrypted?.keyID == "\(Samples.key(2))")
            }
        }
        try await expectAgreement(on: Samples.key(2))
    }

    @Test
    func `a node that lags behind does not encrypt`() async throws {
        try await expectAgreement(on: first)
        kms.change { $0.key.key = Samples.key(2) }
        clock.advance(by: .seconds(5))
        try await expectAgreement(on: Samples.key(2))
        kms.change { state in
            state.key.key = first
            state.afterEncrypt = { $0.key.key = Samples.key(2) }
        }
        #expect(try await management.encrypt(seed).keyID == "\(Samples.key(2))")
        kms.change { state in
            state.key.key = first
            state.afterEncrypt = nil
        }
        let refusal = await #expect(throws: Refusal.self) { try await management.encrypt(seed) }
        #expect(refusal.map { RPCError($0).code } == .unavailable)
        // Nor is it for ever that a KMS is not believed which has lost a material, as one that was restored.
        #expect(await management.status().healthz.contains("superseded"))
        clock.advance(by: .seconds(5))
        try await expectAgreement(on: first)
    }

    @Test
    func `a key that does not serve is not held on to when the alias is pointed back`() async throws {
        try await expectAgreement(on: first)
        point(to: second)
        clock.advance(by: .seconds(5))
        try await expectAgreement(on: second)
        point(to: first)
        clock.advance(by: .seconds(5))
        try await expectAgreement(on: second)
        kms.change { $0.others[1].state = "Disabled" }
        clock.advance(by: .seconds(5))
        let status = await management.status()
        #expect(status.healthz.contains("DisabledException"))
        #expect(status.keyID == "\(second)")
        await #expect(throws: Refusal.self) { try await management.encrypt(seed) }
        try await expectAgreement(on: first)
    }

    @Test
    func `a key that was never usable does not keep the one before from coming back`() async throws {
        try await expectAgreement(on: first)
        point(to: second, state: "Disabled")
        clock.advance(by: .seconds(5))
        #expect(await management.status().healthz.contains("not enabled"))
        point(to: first)
        clock.advance(by: .seconds(5))
        try await expectAgreement(on: first)
    }

    private func point(to key: KeyEncryptionKey, state: String = "Enabled") {
        kms.change { kms in
            func description(of key: KeyEncryptionKey) -> KeyDescription {
                KeyDescription(key: key, state: state, spec: "SYMMETRIC_DEFAULT", origin: "AWS_KMS")
            }
            kms.key = description(of: key)
            kms.others = [first, second].map(description)
        }
    }

    private func expectAgreement(on key: KeyEncryptionKey, location: SourceLocation = #_sourceLocation) async throws {
        for _ in 0..<2 {
            let status = await management.status()
            #expect(status.healthz == KeyManagement.healthy, sourceLocation: location)
            #expect(status.keyID == "\(key)", sourceLocation: location)
            let encrypted = try await management.encrypt(seed)
            #expect(encrypted.keyID == "\(key)", sourceLocation: location)
        }
    }
}
