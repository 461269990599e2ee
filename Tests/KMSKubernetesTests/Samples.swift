import KMSKubernetes
import KMSModel
import Synchronization

enum Samples {
    static let arn = arn("1234abcd-12ab-34cd-56ef-1234567890ab")
    static let material = key(1).material?.description ?? ""

    static func arn(_ id: String, account: String = "111122223333", region: String = "us-east-1") -> KeyARN {
        guard let keyID = KeyID(id), let account = AccountID(account), let region = Region(region) else {
            preconditionFailure("no ARN of \(id)")
        }
        return KeyARN(region: region, account: account, keyID: keyID)
    }

    /// A key with the material that consists of this byte.
    static func key(_ material: UInt8, of arn: KeyARN = arn) -> KeyEncryptionKey {
        KeyEncryptionKey(arn: arn, material: KeyMaterialID(bytes: Array(repeating: material, count: 32)))
    }
}

/// A KMS in memory, which counts what it is asked.
///
/// Its ciphertexts are the material's byte, 0 for that of a custom key store's key, and the plaintext.
final class SampleKMS: RemoteKMS {
    struct State {
        /// What is meant by an alias, and by everything else that means none of `others`.
        var key = KeyDescription(key: Samples.key(1), state: "Enabled", spec: "SYMMETRIC_DEFAULT", origin: "AWS_KMS")
        /// Keys that are asked for by their ARNs.
        var others: [KeyDescription] = []
        var failure: KMSFailure?
        /// What happens while the answer to a description is on its way, once.
        var whileDescribing: (@Sendable () async -> Void)?
        /// What it does between the two calls of an encryption.
        var afterEncrypt: (@Sendable (inout State) -> Void)?
        /// How many bytes a ciphertext is longer than its plaintext.
        var overhead = 1
        var calls: [String] = []

        func meant(by reference: String) -> KeyDescription {
            others.first { $0.key.arn.description == reference } ?? key
        }
    }

    let state = Mutex(State())

    var calls: [String] { state.withLock(\.calls) }

    func change(_ body: (inout sending State) -> Void) { state.withLock { body(&$0) } }

    func describeKey(
        _ key: String, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> KeyDescription {
        let state = try record("DescribeKey")
        if let deed = state.whileDescribing {
            change { $0.whileDescribing = nil }
            await deed()
        }
        return state.meant(by: key)
    }

    func encrypt(
        _ plaintext: SecretBytes, under key: String, context: [String: String],
        until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (ciphertext: [UInt8], key: KeyARN) {
        let state = try record("Encrypt")
        defer { self.state.withLock { state in state.afterEncrypt?(&state) } }
        let meant = state.meant(by: key)
        if meant.state == "Disabled" {
            throw .refused(code: .disabled, name: "DisabledException", message: "\(meant.key.arn) is disabled.")
        }
        let padding = [UInt8](repeating: 0, count: state.overhead - 1)
        let material = meant.key.material?.bytes.prefix(1) ?? [0]
        return (padding + material + plaintext.withBytes { Array($0) }, meant.key.arn)
    }

    func decrypt(
        _ ciphertext: [UInt8], under key: KeyARN, context: [String: String], until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (plaintext: SecretBytes, key: KeyEncryptionKey) {
        let overhead = try record("Decrypt").overhead
        let byte = ciphertext[overhead - 1]
        return (
            SecretBytes(copying: ciphertext.dropFirst(overhead)),
            byte == 0 ? KeyEncryptionKey(arn: key, material: nil) : Samples.key(byte, of: key)
        )
    }

    private func record(_ call: String) throws(KMSFailure) -> State {
        let state = state.withLock { state in
            state.calls.append(call)
            return state
        }
        if let failure = state.failure { throw failure }
        return state
    }
}

/// A clock that stands still until it is moved.
final class SampleClock: Sendable {
    private let time = Mutex(ContinuousClock.now)

    @Sendable func now() -> ContinuousClock.Instant { time.withLock { $0 } }

    func advance(by duration: Duration) { time.withLock { $0 += duration } }
}
