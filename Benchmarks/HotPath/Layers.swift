import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import Logging

/// The parts of an Encrypt, each by itself with what the pipeline would hand it.
final class Layers {
    static let names = [signature, decoding, decision, encryption, record, append]
    private static let signature = "SigV4 verification"
    private static let decoding = "JSON and its validation"
    private static let decision = "decision by a key policy of ten statements"
    private static let encryption = "encryption of 32 bytes with a context of two pairs"
    private static let record = "making the audit record"
    private static let append = "the record's place in the chain, and its write"

    private let directory: URL
    private let log: AuditLog
    private let authenticator: Authenticator
    private let request: SignedRequest
    private let caller: Caller
    private let key: KeyARN
    private let keyring: Keyring
    private let cipher: Cipher
    private let plaintext: SecretBytes
    private let policy: DecidedPolicy

    init() throws {
        guard let account = World.account, let region = Region(World.region),
            let id = KeyID("1234abcd-12ab-34cd-56ef-1234567890ab")
        else { throw World.Failure.refused("no account") }
        let keyring = try Keyring(rootKey: RootKey.random())
        let signer = try OneSigner(account: account, keyring)
        authenticator = Authenticator(credentials: signer, keyring: keyring, regions: .anyWellFormed)
        request = World.signed(.encrypt, World.encryptBody(key: id.description))
        caller = try authenticator.verify(request, expecting: .kms, at: Date())
        key = KeyARN(realm: Realm(account: account, region: region), keyID: id)
        let input = try Self.decoded(request.body).input
        plaintext = input.plaintext
        cipher = Cipher(
            try MaterialRecord(generatedBy: keyring, for: key, spec: .symmetricDefault, at: Date()),
            context: EncryptionContext(input.encryptionContext ?? []))
        policy = try DecidedPolicy(statements: 10, mismatch: .principal)
        self.keyring = keyring
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("layers-\(UUID())")
        log = try AuditLog(
            directory: directory, chain: keyring.openAuditKey(try keyring.makeAuditKey()), note: .nothing,
            clock: SystemClock(), logger: Logger(label: "layers"))
    }

    func close() throws {
        log.close()
        try FileManager.default.removeItem(at: directory)
    }

    func add(to harness: inout Harness) {
        let line = makeRecord().line()
        harness.add(Self.signature) { [self] in _ = try authenticator.verify(request, expecting: .kms, at: Date()) }
        harness.add(Self.decoding) { [self] in _ = try Self.decoded(request.body) }
        harness.add(Self.decision) { [policy] in policy.decide() }
        harness.add(Self.encryption) { [self] in _ = try keyring.encrypt(plaintext, by: cipher) }
        harness.add(Self.record) { [self] in _ = makeRecord().line() }
        harness.add(Self.append, inTask: { [log] in try await log.append(line) })
    }

    private static func decoded(_ body: [UInt8]) throws -> (object: JSONObject, input: API.EncryptRequest) {
        guard case .object(let object) = try JSONParser.parse(body, refusingDuplicates: true) else {
            throw World.Failure.notAnswered
        }
        return (object, try API.EncryptRequest(validating: object))
    }

    private func makeRecord() -> AuditRecord {
        let client = Client(address: "127.0.0.1", userAgent: nil, referer: nil)
        var record = AuditRecord(
            time: Date(), eventName: OperationName.encrypt.rawValue, eventID: RequestID.make(), region: caller.region,
            account: caller.principal.account,
            origin: .call(caller, client: client, requestID: RequestID.make()))
        record.requestParameters = JSONObject([
            "keyId": .string(key.keyID.description), "encryptionAlgorithm": .string("SYMMETRIC_DEFAULT"),
            "encryptionContext": .object(
                JSONObject(["department": .string("accounting"), "purpose": .string("benchmark")])),
        ])
        record.additionalEventData = JSONObject(["keyMaterialId": .string(cipher.material.id.description)])
        record.resources = [(key.realm.account, key.description)]
        return record
    }
}

/// A key policy, and the question that its last statement answers.
struct DecidedPolicy {
    private let policy: KeyPolicy
    private let account: AccountID
    private let arn: String
    private let action: ActionName = "kms:Encrypt"

    init(statements count: Int, mismatch: BenchmarkPolicy.Mismatch) throws {
        guard let account = World.account else { throw World.Failure.refused("no account") }
        self.account = account
        arn = "arn:aws:kms:\(World.region):\(account):key/1234abcd-12ab-34cd-56ef-1234567890ab"
        let text = BenchmarkPolicy.text(statements: count, mismatch: mismatch)
        policy = KeyPolicy(try PolicyDocument.parse(text, in: .aws))
        guard isAllowed() else { throw World.Failure.refused("the policy") }
    }

    /// Decides, and does nothing with it.
    func decide() { _ = isAllowed() }

    /// The question is made anew for each request.
    @inline(never)
    private func isAllowed() -> Bool {
        AccessQuestion(
            caller: .principal(.root(account)), action: action, resource: .key(arn: arn, owner: account),
            crossesAccounts: true, request: Context()
        ).decision(under: policy, policies: .root).isAllowed
    }

    /// A request with what conditions ask: a pair of its encryption context, and its address.
    private struct Context: ConditionSource {
        func values(of key: ConditionKey) -> ConditionValues {
            switch key {
            case .encryptionContext("purpose"): .one("benchmark")
            case .named(.sourceIP): .one("10.1.2.3")
            default: .absent
            }
        }
    }
}

/// The one access key that signs.
private struct OneSigner: CredentialSource {
    private let credential: Credential

    init(account: AccountID, _ keyring: Keyring) throws {
        let secret = SecretBytes(copying: World.secret.utf8)
        credential = Credential(
            accessKeyID: World.accessKeyID, principal: .root(account), in: .aws,
            secret: .wrapped(try keyring.wrapSecret(secret, accessKeyID: World.accessKeyID, account: account)))
    }

    func credential(_ accessKeyID: String) -> Credential? { credential }
    func partition(of account: AccountID) -> Partition? { .aws }
    func principal(of session: SessionRecord) -> Principal? { nil }
    func noteUse(of accessKeyID: String, for service: String, in region: Region, at date: Date) {}
}
