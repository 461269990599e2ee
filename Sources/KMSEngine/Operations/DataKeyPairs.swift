import Foundation
import KMSAccess
import KMSCrypto
import KMSModel

// Key pairs for use elsewhere, whose private half is stored encrypted under a KMS key.

struct GenerateDataKeyPair: KeyOperation {
    static let description = OperationDescription(
        .generateDataKeyPair, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        recorded: .read("KeyId", "KeyPairSpec", "EncryptionContext")
    )

    static func keyIdentifier(in input: API.GenerateDataKeyPairRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.GenerateDataKeyPairRequest) -> Bool { input.dryRun ?? false }

    static func check(_ input: API.GenerateDataKeyPairRequest) throws(KMSError) {
        try Recipient.refuse(input.recipient)
    }

    static func perform(
        _ input: API.GenerateDataKeyPairRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateDataKeyPairResponse> {
        let key = permit.subject
        let made = try await DataKeyPair(
            input.keyPairSpec, under: key, bindingTo: input.encryptionContext, in: context
        )
        var outcome = Outcome(
            API.GenerateDataKeyPairResponse(
                privateKeyCiphertextBlob: made.ciphertext, privateKeyPlaintext: made.plaintext,
                publicKey: made.publicKey, keyId: key.arnText, keyPairSpec: input.keyPairSpec,
                keyMaterialId: made.material.answeredID
            )
        )
        outcome.additionalEventData = made.material.eventData
        return outcome
    }
}

struct GenerateDataKeyPairWithoutPlaintext: KeyOperation {
    static let description = OperationDescription(
        .generateDataKeyPairWithoutPlaintext, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        recorded: .read("KeyId", "KeyPairSpec", "EncryptionContext")
    )

    static func keyIdentifier(in input: API.GenerateDataKeyPairWithoutPlaintextRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.GenerateDataKeyPairWithoutPlaintextRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.GenerateDataKeyPairWithoutPlaintextRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateDataKeyPairWithoutPlaintextResponse> {
        let key = permit.subject
        let made = try await DataKeyPair(
            input.keyPairSpec, under: key, bindingTo: input.encryptionContext, in: context
        )
        var outcome = Outcome(
            API.GenerateDataKeyPairWithoutPlaintextResponse(
                privateKeyCiphertextBlob: made.ciphertext, publicKey: made.publicKey, keyId: key.arnText,
                keyPairSpec: input.keyPairSpec, keyMaterialId: made.material.answeredID
            )
        )
        outcome.additionalEventData = made.material.eventData
        return outcome
    }
}

/// A key pair that was just made, with its private half encrypted.
private struct DataKeyPair {
    /// The private key as PKCS#8.
    let plaintext: SecretBytes
    let ciphertext: [UInt8]
    let publicKey: [UInt8]
    /// What the private key was encrypted with.
    let material: MaterialRecord

    /// - Throws: ``KMSError``: `InvalidKeyUsageException` for a key that is not a symmetric one,
    ///   `UnsupportedOperationException` for a spec that the region does not offer.
    init(
        _ specName: String, under key: KeySnapshot, bindingTo pairs: [(String, String)]?, in context: RequestContext
    ) async throws(KMSError) {
        let cipher = try key.dataKeyCipher(bindingTo: pairs)
        guard let spec = KeySpec(rawValue: specName) else { throw KMSError(.unsupportedOperation) }
        try context.checkRegionOffers(spec)
        (plaintext, ciphertext, publicKey) = try await context.compute(at: spec.generationCost) {
            keyring throws(CryptoFailure) in
            try keyring.makeDataKeyPair(spec: spec, by: cipher)
        }
        material = cipher.material
    }
}
