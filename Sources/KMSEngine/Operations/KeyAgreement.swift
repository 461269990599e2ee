import KMSAccess
import KMSCrypto
import KMSModel

/// A secret that only this key and the owner of another one can make.
struct DeriveSharedSecret: KeyOperation {
    static let description = OperationDescription(
        .deriveSharedSecret, isCrossAccount: true, identifiers: .any, usage: .keyAgreement,
        quota: .shared(.ecc),
        recorded: .read("KeyId", "KeyAgreementAlgorithm")
    )

    static func keyIdentifier(in input: API.DeriveSharedSecretRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.DeriveSharedSecretRequest) -> Bool { input.dryRun ?? false }

    static func check(_ input: API.DeriveSharedSecretRequest) throws(KMSError) {
        try Recipient.refuse(input.recipient)
    }

    static func perform(
        _ input: API.DeriveSharedSecretRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.DeriveSharedSecretResponse> {
        let key = permit.subject
        let material = try key.materialInUse
        let secret = try await context.compute(
            at: key.record.spec.privateUseCost, for: description.name, on: [key]
        ) {
            keyring throws(CryptoFailure) -> SecretBytes? in
            do throws(CryptoFailure) {
                return try keyring.sharedSecret(with: input.publicKey, of: material)
            } catch {
                if error == .malformed { return nil }
                throw error
            }
        }
        // AWS says no more of a key that it cannot use.
        guard let secret else { throw KMSError(.validation) }
        return Outcome(
            API.DeriveSharedSecretResponse(
                keyId: key.arnText, sharedSecret: secret, keyAgreementAlgorithm: input.keyAgreementAlgorithm,
                keyOrigin: key.record.origin.rawValue
            )
        )
    }
}
