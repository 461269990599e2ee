import KMSAccess
import KMSCrypto
import KMSModel

// Codes by which whoever may use the key can tell that a message is authentic.

struct GenerateMac: KeyOperation {
    static let description = OperationDescription(
        .generateMac, isCrossAccount: true, identifiers: .any, usage: .generateVerifyMAC,
        quota: .shared(.symmetric),
        recorded: .read("KeyId", "MacAlgorithm")
    )

    static func keyIdentifier(in input: API.GenerateMacRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.GenerateMacRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.GenerateMacRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GenerateMacResponse> {
        let key = permit.subject
        let algorithm = try key.macAlgorithm(input.macAlgorithm)
        let material = try key.materialInUse
        let code = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.authenticationCode(of: input.message, with: material)
        }
        return Outcome(
            API.GenerateMacResponse(mac: code, macAlgorithm: algorithm.rawValue, keyId: key.arnText)
        )
    }
}

struct VerifyMac: KeyOperation {
    static let description = OperationDescription(
        .verifyMac, isCrossAccount: true, identifiers: .any, usage: .generateVerifyMAC,
        quota: .shared(.symmetric),
        recorded: .read("KeyId", "MacAlgorithm")
    )

    static func keyIdentifier(in input: API.VerifyMacRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.VerifyMacRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.VerifyMacRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.VerifyMacResponse> {
        let key = permit.subject
        let algorithm = try key.macAlgorithm(input.macAlgorithm)
        let material = try key.materialInUse
        let isValid = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.isAuthenticationCode(input.mac, of: input.message, with: material)
        }
        // AWS never answers that a code is not valid: it refuses.
        guard isValid else { throw KMSError(.kmsInvalidMac) }
        return Outcome(
            API.VerifyMacResponse(keyId: key.arnText, macValid: true, macAlgorithm: algorithm.rawValue)
        )
    }
}

extension KeySnapshot {
    /// The algorithm that a request names, which must be this key's only one.
    ///
    /// - Throws: ``KMSError`` with `InvalidKeyUsageException`.
    fileprivate func macAlgorithm(_ name: String) throws(KMSError) -> MACAlgorithm {
        guard let requested = MACAlgorithm(rawValue: name) else { throw KMSError(.unsupportedOperation) }
        return try admit(requested, amongst: [record.spec.macAlgorithm].compactMap(\.self))
    }
}
