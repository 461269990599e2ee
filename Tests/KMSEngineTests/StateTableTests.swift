import Foundation
import KMSAccess
import KMSEngine
import KMSModel
import Testing

struct StateTableTests {
    private static let states: [KeyState] = [
        .enabled, .disabled, .pendingDeletion, .pendingReplicaDeletion, .pendingImport, .unavailable, .creating,
        .updating,
    ]

    /// What each operation answers in each of ``states``: `+` succeeds, otherwise the code of the refusal.
    ///
    /// Source: KMS Developer Guide, "Key states of AWS KMS keys", and recorded answers.
    static let table: [(operation: OperationName, answers: String)] = [
        (.cancelKeyDeletion, "n n + + n n n n"), (.createAlias, "+ + p q + + + +"), (.createGrant, "+ d p q i + c +"),
        (.decrypt, "+ d p q i u c +"), (.encrypt, "+ d p q i u c +"), (.reEncrypt, "+ d p q i u c +"),
        (.generateDataKey, "+ d p q i u c +"), (.generateDataKeyWithoutPlaintext, "+ d p q i u c +"),
        (.generateDataKeyPair, "+ d p q i u c +"), (.generateDataKeyPairWithoutPlaintext, "+ d p q i u c +"),
        (.generateMac, "+ d p q i u c +"), (.verifyMac, "+ d p q i u c +"), (.sign, "+ d p q i u c +"),
        (.verify, "+ d p q i u c +"), (.deriveSharedSecret, "+ d p q i u c +"), (.deleteAlias, "+ + + + + + + +"),
        (.deleteImportedKeyMaterial, "+ + + + + u c t"), (.describeKey, "+ + + + + + + +"),
        (.getKeyPolicy, "+ + + + + + + +"), (.putKeyPolicy, "+ + + + + + + +"), (.listKeyPolicies, "+ + + + + + + +"),
        (.listAliases, "+ + + + + + + +"), (.listResourceTags, "+ + + + + + + +"), (.listGrants, "+ + + + + + + +"),
        (.retireGrant, "+ + + + + + + +"), (.revokeGrant, "+ + + + + + + +"), (.getKeyLastUsage, "+ + + + + + + +"),
        (.listKeyRotations, "+ + + + + + + +"), (.disableKey, "+ + p q i + c t"), (.enableKey, "+ + p q i + c t"),
        (.enableKeyRotation, "+ d p q i u c +"), (.disableKeyRotation, "+ d p q i u c +"),
        (.getKeyRotationStatus, "+ + + + + + + +"), (.getParametersForImport, "+ + p q + u c t"),
        (.importKeyMaterial, "+ + p q + u c +"), (.getPublicKey, "+ + p q i u c +"), (.replicateKey, "+ d p q i u c t"),
        (.rotateKeyOnDemand, "+ d p q i u c +"), (.scheduleKeyDeletion, "+ + p q + + + t"),
        (.tagResource, "+ + p q + + + +"), (.untagResource, "+ + p q + + + +"),
        (.updateKeyDescription, "+ + p q + + + +"), (.updateAlias, "+ + p q + + + +"),
        (.updatePrimaryRegion, "+ d p q i u c +"),
    ]

    private static let sentences: [Character: (code: KMSError.Code, text: String)] = [
        "d": (.disabled, "is disabled."), "p": (.kmsInvalidState, "is pending deletion."),
        "q": (.kmsInvalidState, "is pending replica deletion."), "n": (.kmsInvalidState, "is not pending deletion."),
        "i": (.kmsInvalidState, "is pending import."), "u": (.kmsInvalidState, "is unavailable."),
        "c": (.kmsInvalidState, "is creating."), "t": (.kmsInvalidState, "is updating."),
    ]

    @Test(arguments: table)
    func `an operation answers what AWS answers in each state`(operation: OperationName, answers: String) throws {
        let expected = answers.split(separator: " ").compactMap(\.first)
        try #require(expected.count == Self.states.count)
        for (state, answer) in zip(Self.states, expected) {
            let key = try Self.key(in: state)
            do throws(KMSError) {
                try StateTable.check(operation, on: key, in: key.record.state)
                #expect(answer == "+", "\(operation) in \(state)")
            } catch {
                let sentence = try #require(Self.sentences[answer], "\(operation) in \(state)")
                #expect(error.code == sentence.code, "\(operation) in \(state)")
                #expect(error.message == "\(key.arnText) \(sentence.text)", "\(operation) in \(state)")
            }
        }
    }

    @Test func `every operation on a key is in the table`() {
        let withoutKey: Set<OperationName> = [
            .createKey, .listKeys, .generateRandom, .listRetirableGrants, .createCustomKeyStore, .connectCustomKeyStore,
            .disconnectCustomKeyStore, .updateCustomKeyStore, .deleteCustomKeyStore, .describeCustomKeyStores,
        ]
        #expect(Set(Self.table.map(\.operation)).union(withoutKey) == Set(OperationName.allCases))
    }

    private static func key(in state: KeyState) throws -> KeySnapshot {
        let arn = KeyARN(
            region: try #require(Region("eu-central-1")), account: try #require(AccountID("111122223333")),
            keyID: try #require(KeyID("1234abcd-12ab-34cd-56ef-1234567890ab"))
        )
        let record = KeyRecord(
            arn: arn, spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS, creationDate: Date(),
            state: state,
            description: "", policy: "", currentMaterial: nil
        )
        let policy = try PolicyDocument.parse(StandardKeyPolicy.default(for: arn.account, in: .aws), in: .aws)
        return KeySnapshot(record: record, policy: KeyPolicy(policy), materials: [])
    }
}
