package import KMSModel

/// The key that an operator chose for a cluster, and how it is asked for.
package struct ConfiguredKey: Sendable {
    /// The most bytes that Kubernetes takes of an encrypted data encryption key (`encryptedDEKSourceMaxSize`).
    package static let longestCiphertext = 1024

    private let kms: any RemoteKMS
    private let reference: String
    private let context: [String: String]
    private let keys: DecryptionKeys

    /// - Parameters:
    ///   - reference: A key identifier, an ARN or an alias.
    ///   - previous: Keys that were used before, and still may decrypt.
    ///   - context: What every ciphertext is bound to besides.
    package init(kms: any RemoteKMS, reference: String, previous: Set<KeyARN>, context: [String: String]) {
        self.kms = kms
        self.reference = reference
        self.context = context
        keys = DecryptionKeys(reference: reference, previous: previous)
    }

    func describe(until deadline: ContinuousClock.Instant) async throws(KMSFailure) -> KeyDescription {
        try await kms.describeKey(reference, until: deadline)
    }

    /// Encrypts, and decrypts again: only that answer says with which key material it was done, also when the key rotates at
    /// this moment, and nothing is kept that cannot be decrypted.
    ///
    /// - Parameter arn: The key that does it; nil for the one that the operator's reference means now.
    func encrypt(
        _ plaintext: SecretBytes, under arn: KeyARN?, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (ciphertext: [UInt8], key: KeyEncryptionKey) {
        let encrypted = try await kms.encrypt(
            plaintext, under: arn?.description ?? reference, context: context, until: deadline)
        guard arn == nil || encrypted.key == arn else { throw .unexpectedAnswer("it encrypted with another key") }
        guard !encrypted.ciphertext.isEmpty, encrypted.ciphertext.count <= Self.longestCiphertext else {
            throw .unexpectedAnswer(
                "a ciphertext of \(encrypted.ciphertext.count) bytes; Kubernetes takes \(Self.longestCiphertext)")
        }
        let decrypted = try await kms.decrypt(
            encrypted.ciphertext, under: encrypted.key, context: context, until: deadline)
        guard decrypted.key.arn == encrypted.key, Self.areEqual(plaintext, decrypted.plaintext) else {
            throw .unexpectedAnswer("what was encrypted decrypts to something else")
        }
        return (encrypted.ciphertext, decrypted.key)
    }

    /// The key to ask for decryption with what `key` names; nil when the operator named no such key.
    func key(for key: KeyEncryptionKey, current: KeyARN) -> KeyARN? { keys.key(for: key, current: current) }

    func decrypt(
        _ ciphertext: [UInt8], under key: KeyARN, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (plaintext: SecretBytes, key: KeyEncryptionKey) {
        let decrypted = try await kms.decrypt(ciphertext, under: key, context: context, until: deadline)
        guard decrypted.key.arn == key else { throw .unexpectedAnswer("it decrypted with another key") }
        return decrypted
    }

    private static func areEqual(_ left: SecretBytes, _ right: SecretBytes) -> Bool {
        left.withBytes { left in
            right.withBytes { right in
                left.count == right.count && zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
            }
        }
    }
}
