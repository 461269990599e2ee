package import KMSModel

/// What the plugin asks of a server that speaks the AWS KMS API.
///
/// Each call is done, or has failed, by `deadline`.
package protocol RemoteKMS: Sendable {
    /// DescribeKey.
    ///
    /// - Parameter key: A key identifier, an ARN or an alias.
    func describeKey(_ key: String, until deadline: ContinuousClock.Instant) async throws(KMSFailure) -> KeyDescription

    /// Encrypt.
    ///
    /// - Parameter key: A key identifier, an ARN or an alias.
    func encrypt(
        _ plaintext: SecretBytes, under key: String, context: [String: String],
        until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (ciphertext: [UInt8], key: KeyARN)

    /// Decrypt, under one key and no other.
    func decrypt(
        _ ciphertext: [UInt8], under key: KeyARN, context: [String: String], until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (plaintext: SecretBytes, key: KeyEncryptionKey)
}

/// What DescribeKey says of a key, as far as it matters here.
package struct KeyDescription: Sendable {
    /// The key, and its current material.
    package var key: KeyEncryptionKey
    /// `KeyState`.
    package var state: String
    /// `KeySpec`.
    package var spec: String
    /// `Origin`.
    package var origin: String

    package init(key: KeyEncryptionKey, state: String, spec: String, origin: String) {
        self.key = key
        self.state = state
        self.spec = spec
        self.origin = origin
    }

    /// Where keys are that have one material for ever.
    private static let customKeyStores: Set<String> = ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]

    /// Why it cannot serve Kubernetes; nil if it can.
    package var problem: String? {
        if spec != "SYMMETRIC_DEFAULT" { return "the key \(key.arn) is no symmetric encryption key, but \(spec)" }
        if state != "Enabled" { return "the key \(key.arn) is not enabled: its state is \(state)" }
        if key.material == nil, !Self.customKeyStores.contains(origin) {
            return "the server does not say which key material is current, so a rotation would not be seen"
        }
        return nil
    }
}

/// Why the KMS did not do what it was asked.
package enum KMSFailure: Error, Sendable {
    /// It refused. `code` is nil for one that this program does not know; then `name` tells more.
    case refused(code: KMSError.Code?, name: String, message: String)
    /// It gave no answer in time.
    case unreachable(String)
    /// There is no access key to ask with.
    case noCredentials(String)
    /// It encrypted with what it had superseded a short time ago, as a node does that lags behind.
    case outdated(KeyEncryptionKey)
    /// It answered what the API does not let it answer.
    case unexpectedAnswer(String)

    /// Whether the same request may be answered a moment later.
    package var isTransient: Bool {
        switch self {
        case .refused(let code, _, _): code.map(Self.transient.contains) ?? false
        case .unreachable, .noCredentials, .outdated: true
        case .unexpectedAnswer: false
        }
    }

    /// Whether it tells something of the key, and not only of the way to it.
    var isOfKey: Bool {
        if case .outdated = self { true } else { !isTransient }
    }

    private static let transient: Set<KMSError.Code> = [
        .throttling, .serviceUnavailable, .internalFailure, .kmsInternal, .dependencyTimeout, .keyUnavailable,
    ]
}

extension KMSFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(_, let name, let message): message.isEmpty ? name : "\(name): \(message)"
        case .unreachable(let reason): "the KMS cannot be reached: \(reason)"
        case .noCredentials(let reason): "there are no credentials: \(reason)"
        case .outdated(let key): "the KMS still encrypts with \(key), which it had superseded"
        case .unexpectedAnswer(let reason): "the KMS answered something unexpected: \(reason)"
        }
    }
}
