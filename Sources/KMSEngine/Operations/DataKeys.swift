import Foundation
import KMSCrypto
import KMSModel

// Keys that encrypt data elsewhere and are stored beside it, encrypted under a KMS key; and random bytes.

struct GenerateDataKey: KeyOperation {
    static let description = OperationDescription(
        .generateDataKey, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        recorded: .read("KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext")
    )

    static func keyIdentifier(in input: API.GenerateDataKeyRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.GenerateDataKeyRequest) -> Bool { input.dryRun ?? false }

    static func check(_ input: API.GenerateDataKeyRequest) throws(KMSError) {
        _ = try DataKeyLength(spec: input.keySpec, byteCount: input.numberOfBytes)
        try Recipient.refuse(input.recipient)
    }

    static func perform(
        _ input: API.GenerateDataKeyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateDataKeyResponse> {
        let key = permit.subject
        _ = try key.algorithm(nil)
        let material = try key.encryptingMaterial
        let length = try DataKeyLength(spec: input.keySpec, byteCount: input.numberOfBytes)
        let (plaintext, ciphertext) = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.makeDataKey(
                byteCount: length.byteCount, with: material, context: EncryptionContext(input.encryptionContext)
            )
        }
        var outcome = Outcome(
            API.GenerateDataKeyResponse(
                ciphertextBlob: ciphertext, plaintext: plaintext, keyId: key.arnText,
                keyMaterialId: material.id.description
            )
        )
        outcome.additionalEventData = material.eventData
        return outcome
    }
}

struct GenerateDataKeyWithoutPlaintext: KeyOperation {
    static let description = OperationDescription(
        .generateDataKeyWithoutPlaintext, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        recorded: .read("KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext")
    )

    static func keyIdentifier(in input: API.GenerateDataKeyWithoutPlaintextRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.GenerateDataKeyWithoutPlaintextRequest) -> Bool { input.dryRun ?? false }

    static func check(_ input: API.GenerateDataKeyWithoutPlaintextRequest) throws(KMSError) {
        _ = try DataKeyLength(spec: input.keySpec, byteCount: input.numberOfBytes)
    }

    static func perform(
        _ input: API.GenerateDataKeyWithoutPlaintextRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateDataKeyWithoutPlaintextResponse> {
        let key = permit.subject
        _ = try key.algorithm(nil)
        let material = try key.encryptingMaterial
        let length = try DataKeyLength(spec: input.keySpec, byteCount: input.numberOfBytes)
        let ciphertext = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.makeDataKeyWithoutPlaintext(
                byteCount: length.byteCount, with: material, context: EncryptionContext(input.encryptionContext)
            )
        }
        var outcome = Outcome(
            API.GenerateDataKeyWithoutPlaintextResponse(
                ciphertextBlob: ciphertext, keyId: key.arnText, keyMaterialId: material.id.description
            )
        )
        outcome.additionalEventData = material.eventData
        return outcome
    }
}

struct GenerateRandom: AccountOperation {
    static let description = OperationDescription(.generateRandom, recorded: .read())

    static func check(_ input: API.GenerateRandomRequest) throws(KMSError) {
        guard input.numberOfBytes != nil else { throw KMSError(.validation, "NumberOfBytes is required.") }
        if let store = input.customKeyStoreId {
            // There are no custom key stores yet, so none has this name.
            throw KMSError(.customKeyStoreNotFound, "Custom key store \(store) does not exist.")
        }
        try Recipient.refuse(input.recipient)
    }

    static func perform(
        _ input: API.GenerateRandomRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateRandomResponse> {
        let plaintext = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.randomBytes(input.numberOfBytes ?? 0)
        }
        return Outcome(API.GenerateRandomResponse(plaintext: plaintext))
    }
}

/// How long a data key is to be.
private struct DataKeyLength {
    let byteCount: Int

    /// - Throws: ``KMSError`` with `ValidationException` unless exactly one of the two is given.
    init(spec: String?, byteCount: Int?) throws(KMSError) {
        switch (spec, byteCount) {
        case ("AES_256", nil): self.byteCount = 32
        case ("AES_128", nil): self.byteCount = 16
        case (nil, let count?): self.byteCount = count
        default: throw KMSError(.validation, "Please specify either number of bytes or key spec.")
        }
    }
}

/// A request for an answer that only an attested enclave can read.
enum Recipient {
    /// Refuses every such request: this server trusts no attestation root, and must not answer in plaintext instead.
    static func refuse(_ recipient: API.RecipientInfo?) throws(KMSError) {
        guard recipient == nil else {
            throw KMSError(.validation, "The attestation document in Recipient cannot be verified.")
        }
    }
}
