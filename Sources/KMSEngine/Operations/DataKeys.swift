import Foundation
import KMSCrypto
import KMSModel
import KMSPKCS11

// Keys that encrypt data elsewhere and are stored beside it, encrypted under a KMS key; and random bytes.

struct GenerateDataKey: KeyOperation {
    static let description = OperationDescription(
        .generateDataKey, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        quota: .shared(.symmetric),
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
        let cipher = try key.dataKeyCipher(bindingTo: input.encryptionContext)
        let length = try DataKeyLength(spec: input.keySpec, byteCount: input.numberOfBytes)
        let (plaintext, ciphertext) = try await context.makeDataKey(
            byteCount: length.byteCount, by: cipher, under: key, for: description.name)
        var outcome = Outcome(
            API.GenerateDataKeyResponse(
                ciphertextBlob: ciphertext, plaintext: plaintext, keyId: key.arnText,
                keyMaterialId: key.answeredID(of: cipher.material)
            )
        )
        outcome.additionalEventData = key.eventData(of: outcome.output.keyMaterialId)
        return outcome
    }
}

struct GenerateDataKeyWithoutPlaintext: KeyOperation {
    static let description = OperationDescription(
        .generateDataKeyWithoutPlaintext, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        quota: .shared(.symmetric),
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
        let cipher = try key.dataKeyCipher(bindingTo: input.encryptionContext)
        let length = try DataKeyLength(spec: input.keySpec, byteCount: input.numberOfBytes)
        let (_, ciphertext) = try await context.makeDataKey(
            byteCount: length.byteCount, by: cipher, under: key, for: description.name)
        var outcome = Outcome(
            API.GenerateDataKeyWithoutPlaintextResponse(
                ciphertextBlob: ciphertext, keyId: key.arnText, keyMaterialId: key.answeredID(of: cipher.material)
            )
        )
        outcome.additionalEventData = key.eventData(of: outcome.output.keyMaterialId)
        return outcome
    }
}

struct GenerateRandom: AccountOperation {
    static let description = OperationDescription(.generateRandom, quota: .shared(.symmetric), recorded: .read())

    static func check(_ input: API.GenerateRandomRequest) throws(KMSError) {
        guard input.numberOfBytes != nil else { throw KMSError(.validation, "NumberOfBytes is required.") }
        try Recipient.refuse(input.recipient)
    }

    static func perform(
        _ input: API.GenerateRandomRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateRandomResponse> {
        let count = input.numberOfBytes ?? 0
        if let id = input.customKeyStoreId {
            let store = try context.keyStore(id)
            guard store.record.cluster != nil else {
                throw KMSError(.unsupportedOperation, "An external key store makes no random bytes.")
            }
            let plaintext = try await context.useTokens(of: store) { tokens throws(TokenFailure) in
                try tokens.randomBytes(count)
            }
            var outcome = Outcome(API.GenerateRandomResponse(plaintext: plaintext))
            outcome.additionalEventData = JSONObject(["customKeyStoreId": .string(id)])
            return outcome
        }
        let plaintext = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.randomBytes(count)
        }
        return Outcome(API.GenerateRandomResponse(plaintext: plaintext))
    }
}

extension KeySnapshot {
    /// What encrypts a data key or the private half of a data key pair: only a symmetric encryption key does.
    ///
    /// - Throws: ``KMSError`` with `InvalidKeyUsageException`.
    func dataKeyCipher(bindingTo pairs: [(String, String)]?) throws(KMSError) -> Cipher {
        try cipher(by: encryptionAlgorithm(nil), context: EncryptionContext(pairs))
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
