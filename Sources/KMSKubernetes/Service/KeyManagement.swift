package import KMSModel
package import Logging

/// Kubernetes' KMS v2 service, without its transport.
///
/// Source of its rules: "Using a KMS provider for data encryption" of Kubernetes' documentation, and the checks that its API
/// server makes.
package struct KeyManagement: Sendable {
    /// What Status answers.
    package struct Status: Sendable {
        /// "ok", or what is wrong; it is part of the API server's own report of its health.
        package let healthz: String
        /// What is current, ``KeyEncryptionKey``; empty when the KMS never said it.
        package let keyID: String
    }

    /// What Encrypt answers.
    package struct Encrypted: Sendable {
        /// 1 to 1,024 bytes.
        package let ciphertext: [UInt8]
        /// The key and the material that did it.
        package let keyID: String
    }

    /// The version of Kubernetes' API.
    package static let version = "v2"
    /// What Status says when nothing is wrong.
    package static let healthy = "ok"
    /// How long one call may take, whatever it needs of the KMS: Kubernetes waits for three seconds.
    private static let patience: Duration = .milliseconds(2500)
    /// A longer one has no ciphertext that Kubernetes would take; its own has 32 bytes.
    private static let longestPlaintext = 512
    /// The longest `key_id` that Kubernetes stores, in bytes.
    private static let longestKeyID = 1024

    private let key: ConfiguredKey
    private let watch: KeyWatch
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameter now: Tells how old what is known is.
    package init(
        key: ConfiguredKey, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, logger: Logger
    ) {
        self.key = key
        self.now = now
        watch = KeyWatch(key, now: now, logger: logger)
    }

    /// Says which key is current, and whether it works: whether it encrypts and decrypts is tried once a minute.
    ///
    /// The answer can be five seconds old.
    package func status() async -> Status {
        let report = await watch.report(until: deadline)
        return Status(healthz: report.problem ?? Self.healthy, keyID: report.key?.description ?? "")
    }

    /// Encrypts a data encryption key, or the seed of some, with what ``status()`` says to be current.
    ///
    /// Only where the KMS has just rotated the key is it something newer, which the next status says too.
    package func encrypt(_ plaintext: SecretBytes) async throws(Refusal) -> Encrypted {
        guard (1...Self.longestPlaintext).contains(plaintext.count) else {
            throw .invalidArgument("a plaintext has 1 to \(Self.longestPlaintext) bytes")
        }
        do throws(KMSFailure) {
            let encrypted = try await watch.encrypt(plaintext, until: deadline)
            return Encrypted(ciphertext: encrypted.ciphertext, keyID: encrypted.key.description)
        } catch {
            throw .kms(error)
        }
    }

    /// Decrypts what ``encrypt(_:)`` made, with this key, material or an earlier one.
    ///
    /// - Parameters:
    ///   - keyID: What ``Encrypted/keyID`` was.
    ///   - hasAnnotations: Whether something else stands beside the ciphertext, which is nothing of ours.
    /// - Throws: ``Refusal/invalidArgument(_:)`` for what this plugin did not make, and for keys that are not the operator's.
    package func decrypt(
        _ ciphertext: [UInt8], keyID: String, hasAnnotations: Bool
    ) async throws(Refusal) -> SecretBytes {
        guard (1...ConfiguredKey.longestCiphertext).contains(ciphertext.count) else {
            throw .invalidArgument("a ciphertext has 1 to \(ConfiguredKey.longestCiphertext) bytes")
        }
        guard !hasAnnotations else { throw .invalidArgument("this plugin makes no annotations") }
        guard keyID.utf8.count <= Self.longestKeyID, let named = KeyEncryptionKey(keyID) else {
            throw .invalidArgument("the key_id is none of this plugin")
        }
        let outcome: Result<SecretBytes, Refusal>
        do throws(KMSFailure) {
            outcome = try await decrypt(ciphertext, of: named, until: deadline)
        } catch {
            throw .kms(error)
        }
        return try outcome.get()
    }

    private func decrypt(
        _ ciphertext: [UInt8], of named: KeyEncryptionKey, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> Result<SecretBytes, Refusal> {
        let current = try await watch.currentKey(until: deadline)
        guard let arn = key.key(for: named, current: current.arn) else {
            return .failure(.invalidArgument("\(named.arn) is not a key of this plugin"))
        }
        let decrypted = try await key.decrypt(ciphertext, under: arn, until: deadline)
        // The key_id says which data is stale, so one that is not true is not served. That of a custom key store's key, of
        // which no answer tells a material, names none.
        guard decrypted.key.material == named.material else {
            return .failure(.invalidArgument("the ciphertext is not of the key material that the key_id names"))
        }
        return .success(decrypted.plaintext)
    }

    private var deadline: ContinuousClock.Instant { now() + Self.patience }
}
