import Foundation
import KMSAccess
import KMSCrypto
import KMSModel

// Key pairs for use elsewhere, whose private half is stored encrypted under a KMS key.

struct GenerateDataKeyPair: KeyOperation {
    static let description = OperationDescription(
        .generateDataKeyPair, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        quota: .ofKeyPairSpec,
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
        let plan = try DataKeyPairPlan(input.keyPairSpec, under: key, bindingTo: input.encryptionContext, in: context)
        guard !isDryRun(input) else { return Outcome(API.GenerateDataKeyPairResponse()) }
        let made = try await plan.carryOut(for: description.name, in: context)
        var outcome = Outcome(
            API.GenerateDataKeyPairResponse(
                privateKeyCiphertextBlob: made.ciphertext, privateKeyPlaintext: made.plaintext,
                publicKey: made.publicKey, keyId: key.arnText, keyPairSpec: input.keyPairSpec,
                keyMaterialId: key.answeredID(of: plan.cipher.material)
            )
        )
        outcome.additionalEventData = key.eventData(of: outcome.output.keyMaterialId)
        return outcome
    }
}

struct GenerateDataKeyPairWithoutPlaintext: KeyOperation {
    static let description = OperationDescription(
        .generateDataKeyPairWithoutPlaintext, isCrossAccount: true, identifiers: .any, usage: .encryptDecrypt,
        quota: .ofKeyPairSpec,
        recorded: .read("KeyId", "KeyPairSpec", "EncryptionContext")
    )

    static func keyIdentifier(in input: API.GenerateDataKeyPairWithoutPlaintextRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.GenerateDataKeyPairWithoutPlaintextRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.GenerateDataKeyPairWithoutPlaintextRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateDataKeyPairWithoutPlaintextResponse> {
        let key = permit.subject
        let plan = try DataKeyPairPlan(input.keyPairSpec, under: key, bindingTo: input.encryptionContext, in: context)
        guard !isDryRun(input) else { return Outcome(API.GenerateDataKeyPairWithoutPlaintextResponse()) }
        let made = try await plan.carryOut(for: description.name, in: context)
        var outcome = Outcome(
            API.GenerateDataKeyPairWithoutPlaintextResponse(
                privateKeyCiphertextBlob: made.ciphertext, publicKey: made.publicKey, keyId: key.arnText,
                keyPairSpec: input.keyPairSpec, keyMaterialId: key.answeredID(of: plan.cipher.material)
            )
        )
        outcome.additionalEventData = key.eventData(of: outcome.output.keyMaterialId)
        return outcome
    }
}

/// A data key pair that is to be made, once key and spec are known to fit.
private struct DataKeyPairPlan {
    private let key: KeySnapshot
    private let spec: KeySpec
    /// What the private key is encrypted with.
    let cipher: Cipher

    /// - Throws: ``KMSError``: `InvalidKeyUsageException` for a key that is not a symmetric one,
    ///   `UnsupportedOperationException` for a spec that the region does not offer.
    init(
        _ specName: String, under key: KeySnapshot, bindingTo pairs: [(String, String)]?, in context: RequestContext
    ) throws(KMSError) {
        cipher = try key.dataKeyCipher(bindingTo: pairs)
        guard let spec = KeySpec(rawValue: specName) else { throw KMSError(.unsupportedOperation) }
        try context.checkRegionOffers(spec)
        self.key = key
        self.spec = spec
    }

    /// Makes the pair: the private key as PKCS#8, in plaintext and encrypted, and the public key.
    func carryOut(
        for operation: OperationName, in context: RequestContext
    ) async throws(KMSError) -> (plaintext: SecretBytes, ciphertext: [UInt8], publicKey: [UInt8]) {
        try await context.compute(at: spec.generationCost, for: operation, on: [key]) {
            [spec, cipher] keyring throws(CryptoFailure) in
            try keyring.makeDataKeyPair(spec: spec, by: cipher)
        }
    }
}
