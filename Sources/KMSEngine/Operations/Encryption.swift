import Foundation
import KMSAccess
import KMSCrypto
import KMSModel

// Encrypting up to 4 KB under a key, and getting it back.

struct Encrypt: KeyOperation {
    static let description = OperationDescription(
        .encrypt, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        quota: .ofAlgorithms(["EncryptionAlgorithm"]),
        recorded: .read(
            "KeyId", "EncryptionContext", "EncryptionAlgorithm",
            defaults: [("EncryptionAlgorithm", .string(EncryptionAlgorithm.symmetricDefault.rawValue))]
        )
    )

    static func keyIdentifier(in input: API.EncryptRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.EncryptRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.EncryptRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.EncryptResponse> {
        let key = permit.subject
        let spec = key.record.spec
        let algorithm = try key.encryptionAlgorithm(input.encryptionAlgorithm)
        let bound = EncryptionContext(input.encryptionContext)
        try algorithm.check(bound)
        guard input.plaintext.count <= spec.longestPlaintext(for: algorithm) ?? .max else {
            throw .tooLong(for: algorithm, spec)
        }
        let cipher = try key.cipher(by: algorithm, context: bound)
        let ciphertext = try await context.encrypt(input.plaintext, by: cipher, under: key, for: description.name)
        var outcome = Outcome(
            API.EncryptResponse(
                ciphertextBlob: ciphertext, keyId: key.arnText, encryptionAlgorithm: algorithm.rawValue
            )
        )
        outcome.additionalEventData = key.eventData(of: key.answeredID(of: cipher.material))
        return outcome
    }
}

struct Decrypt: Operation {
    static let description = OperationDescription(
        .decrypt, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        quota: .ofAlgorithms(["EncryptionAlgorithm"]),
        recorded: .read(
            "EncryptionAlgorithm", "EncryptionContext", "KeyId",
            defaults: [("EncryptionAlgorithm", .string(EncryptionAlgorithm.symmetricDefault.rawValue))]
        )
    )

    static func isDryRun(_ input: API.DecryptRequest) -> Bool { input.dryRun ?? false }

    static func check(_ input: API.DecryptRequest) throws(KMSError) {
        try Recipient.refuse(input.recipient)
    }

    static func resolve(_ input: API.DecryptRequest, with resolver: KeyResolver) throws(KMSError) -> SealedText {
        try SealedText(
            input.ciphertextBlob, key: input.keyId, algorithm: input.encryptionAlgorithm,
            ignoresCiphertext: isDryRun(input) && input.dryRunModifiers.ignoresCiphertext,
            memberNames: ("ciphertextBlob", "keyId"), for: description, with: resolver
        )
    }

    static func accesses(to subject: SealedText, for input: API.DecryptRequest) -> [Access] {
        [subject.access(description.action)]
    }

    static func check(_ input: API.DecryptRequest, on subject: SealedText) throws(KMSError) {
        try subject.checkKey(decryptingBy: input.encryptionAlgorithm)
    }

    static func perform(
        _ input: API.DecryptRequest, under permit: Permit<SealedText>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.DecryptResponse> {
        let (subject, key) = (permit.subject, permit.subject.key)
        let algorithm = try key.encryptionAlgorithm(input.encryptionAlgorithm)
        let bound = EncryptionContext(input.encryptionContext)
        try algorithm.check(bound)
        guard let ciphertext = subject.ciphertext else { return Outcome(API.DecryptResponse()) }
        let cipher = try subject.cipher(by: algorithm, context: bound)
        let plaintext = try await context.decrypt(ciphertext, by: cipher, under: key, for: description.name)
        var outcome = Outcome(
            API.DecryptResponse(
                keyId: key.arnText, plaintext: plaintext, encryptionAlgorithm: algorithm.rawValue,
                keyMaterialId: key.answeredID(of: cipher.material)
            )
        )
        outcome.additionalEventData = key.eventData(of: outcome.output.keyMaterialId)
        return outcome
    }
}

struct ReEncrypt: Operation {
    /// What is to be opened, and the key to close it under.
    package struct Transfer: Sendable {
        let source: SealedText
        /// A key of another account that is not to be had is refused in its turn: whoever may not use the source does not
        /// learn which destinations there are.
        let destination: Result<KeySnapshot, KMSError>
    }

    private static let fromAction: ActionName = "kms:ReEncryptFrom"
    private static let toAction: ActionName = "kms:ReEncryptTo"

    static let description = OperationDescription(
        .reEncrypt, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        quota: .ofAlgorithms(["SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"]),
        recorded: .read(
            "SourceEncryptionAlgorithm", "SourceEncryptionContext", "SourceKeyId", "DestinationKeyId",
            "DestinationEncryptionAlgorithm", "DestinationEncryptionContext",
            defaults: [
                ("SourceEncryptionAlgorithm", .string(EncryptionAlgorithm.symmetricDefault.rawValue)),
                ("DestinationEncryptionAlgorithm", .string(EncryptionAlgorithm.symmetricDefault.rawValue)),
            ]
        )
    )

    static func isDryRun(_ input: API.ReEncryptRequest) -> Bool { input.dryRun ?? false }

    static func resolve(_ input: API.ReEncryptRequest, with resolver: KeyResolver) throws(KMSError) -> Transfer {
        let source = try SealedText(
            input.ciphertextBlob, key: input.sourceKeyId, algorithm: input.sourceEncryptionAlgorithm,
            ignoresCiphertext: isDryRun(input) && input.dryRunModifiers.ignoresCiphertext,
            memberNames: ("ciphertextBlob", "sourceKeyId"), for: description.doing(fromAction), with: resolver
        )
        do throws(KMSError) {
            let destination = try resolver.key(input.destinationKeyId, for: description.doing(toAction))
            return Transfer(source: source, destination: .success(destination))
        } catch {
            guard error.code == .accessDenied else { throw error }
            return Transfer(source: source, destination: .failure(error))
        }
    }

    static func accesses(to subject: Transfer, for input: API.ReEncryptRequest) -> [Access] {
        let destination: Access.Resource =
            switch subject.destination {
            case .success(let key): .key(key, checksState: true)
            case .failure(let refusal): .hidden(refusal)
            }
        return [subject.source.access(fromAction), Access(toAction, on: destination)]
    }

    static func check(_ input: API.ReEncryptRequest, on subject: Transfer) throws(KMSError) {
        try subject.source.checkKey(decryptingBy: input.sourceEncryptionAlgorithm)
    }

    static func perform(
        _ input: API.ReEncryptRequest, under permit: Permit<Transfer>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ReEncryptResponse> {
        let (source, destination) = (permit.subject.source.key, try permit.subject.destination.get())
        let sourceAlgorithm = try source.encryptionAlgorithm(input.sourceEncryptionAlgorithm)
        let destinationAlgorithm = try destination.encryptionAlgorithm(input.destinationEncryptionAlgorithm)
        let sourceContext = EncryptionContext(input.sourceEncryptionContext)
        let destinationContext = EncryptionContext(input.destinationEncryptionContext)
        try sourceAlgorithm.check(sourceContext)
        try destinationAlgorithm.check(destinationContext)
        guard let ciphertext = permit.subject.source.ciphertext else { return Outcome(API.ReEncryptResponse()) }
        let opening = try permit.subject.source.cipher(by: sourceAlgorithm, context: sourceContext)
        let closing = try destination.cipher(by: destinationAlgorithm, context: destinationContext)
        let result = try await context.reencrypt(
            ciphertext, from: (source, opening), to: (destination, closing), for: description.name)
        guard let result else { throw .tooLong(for: destinationAlgorithm, destination.record.spec) }
        var outcome = Outcome(
            API.ReEncryptResponse(
                ciphertextBlob: result, sourceKeyId: source.arnText, keyId: destination.arnText,
                sourceEncryptionAlgorithm: sourceAlgorithm.rawValue,
                destinationEncryptionAlgorithm: destinationAlgorithm.rawValue,
                sourceKeyMaterialId: source.answeredID(of: opening.material),
                destinationKeyMaterialId: destination.answeredID(of: closing.material)
            )
        )
        outcome.additionalEventData = Self.eventData(
            from: source.answeredID(of: opening.material), to: destination.answeredID(of: closing.material),
            of: source.record.customKeyStore == nil ? destination : source)
        return outcome
    }

    private static func eventData(
        from source: String?, to destination: String?, of elsewhere: KeySnapshot
    ) -> JSONObject? {
        let identifiers = [
            ("customKeyStoreId", elsewhere.record.customKeyStore?.description),
            ("destinationKeyMaterialId", destination),
            ("sourceKeyMaterialId", source), ("xksKeyId", elsewhere.record.externalKeyID?.description),
        ].compactMap {
            name, identifier in identifier.map { JSONObject.Member(name: name, value: .string($0)) }
        }
        return identifiers.isEmpty ? nil : JSONObject(identifiers)
    }
}
