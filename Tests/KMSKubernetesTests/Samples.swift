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

    /// The sample key with the material that consists of this byte.
    static func key(_ material: UInt8) -> KeyEncryptionKey {
        KeyEncryptionKey(arn: arn, material: KeyMaterialID(bytes: Array(repeating: material, count: 32)))
    }
}

/// A KMS in memory with one key, which counts what it is asked.
///
/// Its ciphertexts are the material's byte and the plaintext.
final class SampleKMS: RemoteKMS {
    struct State {
        var key = KeyDescription(key: Samples.key(1), state: "Enabled", spec: "SYMMETRIC_DEFAULT", origin: "AWS_KMS")
        var failure: KMSFailure?
        /// What it does between the two calls of an encryption.
        var afterEncrypt: (@Sendable (inout State) -> Void)?
        /// How many bytes a ciphertext is longer than its plaintext.
        var overhead = 1
        var calls: [String] = []
    }

    let state = Mutex(State())

    var calls: [String] { state.withLock(\.calls) }

    func change(_ body: (inout sending State) -> Void) { state.withLock { body(&$0) } }

    func describeKey(
        _ key: String, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> KeyDescription {
        try record("DescribeKey").key
    }

    func encrypt(
        _ plaintext: SecretBytes, under key: String, context: [String: String],
        until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (ciphertext: [UInt8], key: KeyARN) {
        let state = try record("Encrypt")
        defer { self.state.withLock { state in state.afterEncrypt?(&state) } }
        let padding = [UInt8](repeating: 0, count: state.overhead - 1)
        let material = state.key.key.material?.bytes.prefix(1) ?? [0]
        return (padding + material + plaintext.withBytes { Array($0) }, state.key.key.arn)
    }

    func decrypt(
        _ ciphertext: [UInt8], under key: KeyARN, context: [String: String], until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (plaintext: SecretBytes, key: KeyEncryptionKey) {
        let overhead = try record("Decrypt").overhead
        let material = KeyMaterialID(bytes: Array(repeating: ciphertext[overhead - 1], count: 32))
        return (
            SecretBytes(copying: ciphertext.dropFirst(overhead)), KeyEncryptionKey(arn: key, material: material)
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
