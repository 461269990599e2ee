import KMSAccess
import KMSCrypto
import KMSModel

// Signing with the private half of a key pair, verifying with the public one, and handing that out.

struct Sign: KeyOperation {
    static let description = OperationDescription(
        .sign, isCrossAccount: true, identifiers: .any, usage: .signVerify,
        quota: .ofAlgorithms(["SigningAlgorithm"]),
        recorded: .read(
            "KeyId", "MessageType", "SigningAlgorithm",
            defaults: [("MessageType", .string(MessageType.raw.rawValue))]
        )
    )

    static func keyIdentifier(in input: API.SignRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.SignRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.SignRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.SignResponse> {
        let key = permit.subject
        let signing = try Signing(key, algorithm: input.signingAlgorithm, messageType: input.messageType, input.message)
        let material = try key.materialInUse
        let signature = try await context.compute(
            at: key.record.spec.privateUseCost, for: description.name, on: [key]
        ) { keyring throws(CryptoFailure) in
            try keyring.sign(input.message, type: signing.messageType, by: signing.algorithm, with: material)
        }
        return Outcome(
            API.SignResponse(
                keyId: key.arnText, signature: signature, signingAlgorithm: signing.algorithm.rawValue
            )
        )
    }
}

struct Verify: KeyOperation {
    static let description = OperationDescription(
        .verify, isCrossAccount: true, identifiers: .any, usage: .signVerify,
        quota: .ofAlgorithms(["SigningAlgorithm"]),
        recorded: .read(
            "KeyId", "MessageType", "SigningAlgorithm",
            defaults: [("MessageType", .string(MessageType.raw.rawValue))]
        )
    )

    static func keyIdentifier(in input: API.VerifyRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.VerifyRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.VerifyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.VerifyResponse> {
        let key = permit.subject
        let signing = try Signing(key, algorithm: input.signingAlgorithm, messageType: input.messageType, input.message)
        let material = try key.materialInUse
        let isValid = try await context.compute(
            at: key.record.spec.publicUseCost, for: description.name, on: [key]
        ) { keyring throws(CryptoFailure) in
            try keyring.isSignature(
                input.signature, of: input.message, type: signing.messageType, by: signing.algorithm, with: material
            )
        }
        // AWS never answers that a signature is not valid: it refuses.
        guard isValid else { throw KMSError(.kmsInvalidSignature) }
        return Outcome(
            API.VerifyResponse(
                keyId: key.arnText, signatureValid: true, signingAlgorithm: signing.algorithm.rawValue
            )
        )
    }
}

struct GetPublicKey: KeyOperation {
    static let description = OperationDescription(
        .getPublicKey, isCrossAccount: true, identifiers: .any, quota: .own(perSecond: 2000), recorded: .read("KeyId")
    )

    static func keyIdentifier(in input: API.GetPublicKeyRequest) -> String { input.keyId }

    static func perform(
        _ input: API.GetPublicKeyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GetPublicKeyResponse> {
        let (key, record) = (permit.subject, permit.subject.record)
        guard !record.spec.isSymmetric else { throw KMSError(.unsupportedOperation) }
        let material = try key.materialInUse
        let publicKey = try await context.compute(
            at: record.spec.publicUseCost, for: description.name, on: [key]
        ) { keyring throws(CryptoFailure) in
            try keyring.publicKey(of: material)
        }
        let algorithms = record.spec.algorithms(for: record.usage)
        return Outcome(
            API.GetPublicKeyResponse(
                keyId: key.arnText, publicKey: publicKey, customerMasterKeySpec: record.spec.rawValue,
                keySpec: record.spec.rawValue, keyUsage: record.usage.rawValue,
                encryptionAlgorithms: record.usage == .encryptDecrypt ? algorithms : nil,
                signingAlgorithms: record.usage == .signVerify ? algorithms : nil,
                keyAgreementAlgorithms: record.usage == .keyAgreement ? algorithms : nil
            )
        )
    }
}

/// How a message is signed, once key, algorithm, type and length are known to fit together.
private struct Signing {
    let algorithm: SigningAlgorithm
    let messageType: MessageType

    /// Source: KMS API Reference, Sign, `MessageType`; the sentences are AWS's.
    ///
    /// - Throws: ``KMSError``: `InvalidKeyUsageException` for an algorithm that is not one of the key's,
    ///   `ValidationException` for a message of the wrong type or length.
    init(
        _ key: KeySnapshot, algorithm name: String, messageType typeName: String?, _ message: SecretBytes
    ) throws(KMSError) {
        guard let requested = SigningAlgorithm(rawValue: name) else { throw KMSError(.unsupportedOperation) }
        let spec = key.record.spec
        algorithm = try key.admit(requested, amongst: spec.signingAlgorithms)
        messageType = typeName.flatMap(MessageType.init) ?? .raw
        guard algorithm.messageTypes.contains(messageType) else {
            let fitting =
                spec == .eccNISTEdwards25519 && messageType != .externalMu
                ? "algorithm \(algorithm.rawValue)" : "key spec \(spec.rawValue)"
            throw KMSError(.validation, "Message type \(messageType.rawValue) is incompatible with \(fitting).")
        }
        switch messageType {
        case .raw: break
        case .digest:
            guard message.count == algorithm.digestByteCount else {
                throw KMSError(.validation, "Digest is invalid length for algorithm \(algorithm.rawValue).")
            }
        case .externalMu:
            guard message.count == MessageType.muByteCount else {
                throw KMSError(.validation, "External Mu is invalid length for algorithm \(algorithm.rawValue).")
            }
        }
    }
}
