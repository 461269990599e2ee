import Foundation
import KMSAccess
import KMSCrypto
import KMSModel

// Encrypting up to 4 KB under a key, and getting it back.

struct Encrypt: KeyOperation {
    static let description = OperationDescription(
        .encrypt, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
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
        let algorithm = try key.algorithm(input.encryptionAlgorithm)
        let material = try key.encryptingMaterial
        let ciphertext = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.encrypt(input.plaintext, with: material, context: EncryptionContext(input.encryptionContext))
        }
        var outcome = Outcome(
            API.EncryptResponse(
                ciphertextBlob: ciphertext, keyId: key.arnText, encryptionAlgorithm: algorithm.rawValue
            )
        )
        outcome.additionalEventData = material.eventData
        return outcome
    }
}

/// A ciphertext with the key that it is to be opened under.
package struct SealedText: Sendable {
    let key: KeySnapshot
    /// Nil when a dry run asks only about permissions.
    let ciphertext: [UInt8]?
    /// The key was found through the ciphertext, not named.
    let isNamedByCiphertext: Bool
}

struct Decrypt: Operation {
    static let description = OperationDescription(
        .decrypt, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
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
            memberNames: ("ciphertextBlob", "keyId"), action: description.action, for: description, with: resolver
        )
    }

    static func accesses(to subject: SealedText, for input: API.DecryptRequest) -> [Access] {
        [subject.access(description.action)]
    }

    static func perform(
        _ input: API.DecryptRequest, under permit: Permit<SealedText>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.DecryptResponse> {
        let key = permit.subject.key
        let algorithm = try key.algorithm(input.encryptionAlgorithm)
        guard let ciphertext = permit.subject.ciphertext else { return Outcome(API.DecryptResponse()) }
        let material = try key.material(openingCiphertext: ciphertext)
        let plaintext = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.decrypt(ciphertext, with: material, context: EncryptionContext(input.encryptionContext))
        }
        var outcome = Outcome(
            API.DecryptResponse(
                keyId: key.arnText, plaintext: plaintext, encryptionAlgorithm: algorithm.rawValue,
                keyMaterialId: material.id.description
            )
        )
        outcome.additionalEventData = material.eventData
        return outcome
    }
}

struct ReEncrypt: Operation {
    /// What is to be opened, and the key to close it under.
    package struct Transfer: Sendable {
        let source: SealedText
        let destination: KeySnapshot
    }

    private static let fromAction: ActionName = "kms:ReEncryptFrom"
    private static let toAction: ActionName = "kms:ReEncryptTo"

    static let description = OperationDescription(
        .reEncrypt, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
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
            memberNames: ("ciphertextBlob", "sourceKeyId"), action: fromAction, for: description, with: resolver
        )
        return Transfer(source: source, destination: try resolver.key(input.destinationKeyId, for: description))
    }

    static func accesses(to subject: Transfer, for input: API.ReEncryptRequest) -> [Access] {
        [
            subject.source.access(fromAction),
            Access(toAction, on: .key(subject.destination, checksState: true)),
        ]
    }

    static func perform(
        _ input: API.ReEncryptRequest, under permit: Permit<Transfer>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ReEncryptResponse> {
        let (source, destination) = (permit.subject.source.key, permit.subject.destination)
        let sourceAlgorithm = try source.algorithm(input.sourceEncryptionAlgorithm)
        let destinationAlgorithm = try destination.algorithm(input.destinationEncryptionAlgorithm)
        let destinationMaterial = try destination.encryptingMaterial
        guard let ciphertext = permit.subject.source.ciphertext else { return Outcome(API.ReEncryptResponse()) }
        let sourceMaterial = try source.material(openingCiphertext: ciphertext)
        let result = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.reencrypt(
                ciphertext,
                from: sourceMaterial, context: EncryptionContext(input.sourceEncryptionContext),
                to: destinationMaterial, context: EncryptionContext(input.destinationEncryptionContext)
            )
        }
        return Outcome(
            API.ReEncryptResponse(
                ciphertextBlob: result, sourceKeyId: source.arnText, keyId: destination.arnText,
                sourceEncryptionAlgorithm: sourceAlgorithm.rawValue,
                destinationEncryptionAlgorithm: destinationAlgorithm.rawValue,
                sourceKeyMaterialId: sourceMaterial.id.description,
                destinationKeyMaterialId: destinationMaterial.id.description
            )
        )
    }
}

extension SealedText {
    /// Finds the key that is to open `ciphertext`: the one that the request names, or the one that the ciphertext does.
    fileprivate init(
        _ ciphertext: [UInt8]?, key identifier: String?, algorithm: String?, ignoresCiphertext: Bool,
        memberNames: (ciphertext: String, key: String), action: ActionName, for operation: OperationDescription,
        with resolver: KeyResolver
    ) throws(KMSError) {
        if ignoresCiphertext {
            guard let identifier else { throw .missing(memberNames.key) }
            self.init(
                key: try resolver.key(identifier, for: operation), ciphertext: nil, isNamedByCiphertext: false
            )
            return
        }
        guard let ciphertext else { throw .missing(memberNames.ciphertext) }
        if let identifier {
            let named = (try? SymmetricCiphertext.header(of: ciphertext))?.keyID
            let key = try resolver.key(opening: named, named: identifier, for: operation)
            self.init(key: key, ciphertext: ciphertext, isNamedByCiphertext: false)
            return
        }
        guard algorithm == nil || algorithm == EncryptionAlgorithm.symmetricDefault.rawValue else {
            let name = memberNames.key
            throw KMSError(.validation, "\(name.prefix(1).uppercased())\(name.dropFirst()) must not be null")
        }
        guard let header = try? SymmetricCiphertext.header(of: ciphertext) else { throw KMSError(.invalidCiphertext) }
        let key = try resolver.key(ofCiphertext: header.keyID, action: action)
        self.init(key: key, ciphertext: ciphertext, isNamedByCiphertext: true)
    }

    fileprivate func access(_ action: ActionName) -> Access {
        Access(action, on: isNamedByCiphertext ? .keyOfCiphertext(key) : .key(key, checksState: true))
    }
}

extension KMSError {
    /// AWS's sentence for a member that this request needs although the model does not say so.
    fileprivate static func missing(_ member: String) -> KMSError {
        .validation(of: ["Value null at '\(member)' failed to satisfy constraint: Member must not be null"])
    }
}

extension [String]? {
    /// Whether a dry run leaves the ciphertext out and asks only about permissions.
    fileprivate var ignoresCiphertext: Bool { self?.contains("IGNORE_CIPHERTEXT") ?? false }
}
