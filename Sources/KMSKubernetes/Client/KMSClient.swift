package import KMSModel

/// A server that speaks the AWS KMS API, over HTTP.
package struct KMSClient: RemoteKMS {
    private let exchange: KMSExchange

    package init(_ exchange: KMSExchange) { self.exchange = exchange }

    package func describeKey(
        _ key: String, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> KeyDescription {
        let answer = try await exchange.send(.describeKey, until: deadline) { writer in
            writer.name("KeyId")
            writer.string(key)
        }
        guard let metadata = answer.object("KeyMetadata"), let state = metadata.text("KeyState") else {
            throw .unexpectedAnswer("no key metadata")
        }
        return KeyDescription(
            key: KeyEncryptionKey(
                arn: try Self.arn(metadata.text("Arn")), material: try Self.material(metadata, "CurrentKeyMaterialId")),
            state: state, spec: metadata.text("KeySpec") ?? "", origin: metadata.text("Origin") ?? "")
    }

    package func encrypt(
        _ plaintext: SecretBytes, under key: String, context: [String: String],
        until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (ciphertext: [UInt8], key: KeyARN) {
        let answer = try await exchange.send(.encrypt, until: deadline) { writer in
            writer.name("KeyId")
            writer.string(key)
            writer.name("Plaintext")
            plaintext.withBytes { writer.blob($0) }
            Self.write(context, to: &writer)
        }
        guard let ciphertext = answer.text("CiphertextBlob").flatMap(Base64.decode) else {
            throw .unexpectedAnswer("no ciphertext")
        }
        return (ciphertext, try Self.arn(answer.text("KeyId")))
    }

    package func decrypt(
        _ ciphertext: [UInt8], under key: KeyARN, context: [String: String], until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (plaintext: SecretBytes, key: KeyEncryptionKey) {
        let answer = try await exchange.send(.decrypt, until: deadline) { writer in
            writer.name("KeyId")
            writer.string(key.description)
            writer.name("CiphertextBlob")
            ciphertext.withUnsafeBytes { writer.blob($0) }
            Self.write(context, to: &writer)
        }
        guard let plaintext = answer.text("Plaintext").flatMap(Base64.decodeSecret) else {
            throw .unexpectedAnswer("no plaintext")
        }
        let used = KeyEncryptionKey(
            arn: try Self.arn(answer.text("KeyId")), material: try Self.material(answer, "KeyMaterialId"))
        return (plaintext, used)
    }

    private static func write(_ context: [String: String], to writer: inout JSONWriter) {
        guard !context.isEmpty else { return }
        writer.name("EncryptionContext")
        writer.object { writer in
            for (name, value) in context {
                writer.name(escaping: name)
                writer.string(value)
            }
        }
    }

    private static func arn(_ text: String?) throws(KMSFailure) -> KeyARN {
        guard let arn = text.flatMap({ KeyARN($0) }) else { throw .unexpectedAnswer("no ARN of a key") }
        return arn
    }

    /// - Throws: ``KMSFailure/unexpectedAnswer(_:)`` for one that is there but not what AWS's are.
    private static func material(_ answer: JSONObject, _ name: String) throws(KMSFailure) -> KeyMaterialID? {
        guard let text = answer.text(name) else { return nil }
        guard let material = KeyMaterialID(text) else { throw .unexpectedAnswer("\(name) is no key material id") }
        return material
    }
}
