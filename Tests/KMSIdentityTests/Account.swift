import Foundation
import KMSAccess
import KMSCrypto
import KMSIdentity
import KMSModel
import KMSStore
import Synchronization
import Testing

/// One account with its IAM API, without server, pipeline or permissions, and what a store would hold of it.
struct Account {
    static let number = "111122223333"
    /// 2026-01-02T03:04:05Z.
    static let time = Date(timeIntervalSince1970: 1_767_323_045)
    static let document = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#
    static let trust = """
        {"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},\
        "Action":"sts:AssumeRole"}}
        """

    /// What the store would not have done.
    struct Conflict: Error, CustomStringConvertible { let description: String }

    let id: AccountID
    let region: Region
    let keyring: Keyring
    let directory = IdentityDirectory()
    private(set) var stored: StoreContents

    init(seed: UInt64 = 1) throws {
        id = try #require(AccountID(Self.number))
        region = try #require(Region("eu-central-1"))
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("seal-\(UUID().uuidString)").path
        let seal = FileSeal(path: path)
        try seal.create()
        defer { try? FileManager.default.removeItem(atPath: path) }
        keyring = try Keyring(rootKey: try seal.open(), randomness: SeededBytes(seed: seed), capacity: 4)
        stored = StoreContents(accounts: [AccountRecord(id: id, creationDate: Self.time)])
        try directory.load(stored)
    }

    /// Everybody as they are now.
    var identities: AccountIdentities { get throws { try #require(directory.identities(of: id)) } }

    func identity(_ kind: UniqueID.Kind, _ name: String) throws -> IdentityRecord {
        try #require(try identities.identity(kind, named: name)).record
    }

    // MARK: Asking

    func request(
        _ operation: IdentityOperation, _ members: [String: String], by principal: Principal? = nil
    ) -> IdentityRequest {
        let caller = Caller(principal: principal ?? .root(id), accessKeyID: "AKIAIOSFODNN7EXAMPLE", region: region)
        return IdentityRequest(
            form: operation.form(members), caller: caller, now: Self.time, keyring: keyring, directory: directory)
    }

    /// What an operation would do now.
    func attempt(
        _ operation: IdentityOperation, _ request: IdentityRequest
    ) throws(QueryFailure) -> (result: QueryValue?, edit: IdentityEdit) {
        guard let present = directory.identities(of: id) else { throw .unavailable }
        try request.form.check()
        _ = try operation.resources(request, present)
        var edit = IdentityEdit(present)
        return (try operation.perform(request, &edit), edit)
    }

    /// Does what an operation does, and stores it.
    @discardableResult
    mutating func run(
        _ operation: String, _ members: [String: String] = [:], by principal: Principal? = nil
    ) throws -> QueryValue? {
        let operation = try #require(IdentityOperation.named(operation))
        let (result, edit) = try attempt(operation, request(operation, members, by: principal))
        try commit(edit)
        return result
    }

    mutating func commit(_ edit: IdentityEdit) throws {
        guard let change = edit.change else { return }
        for mutation in change.mutations { try apply(mutation) }
        directory.publish(edit.identities)
    }

    /// How an operation is refused; nil when it is not.
    func failure(
        of operation: String, _ members: [String: String] = [:], by principal: Principal? = nil
    ) throws -> QueryFailure? {
        let operation = try #require(IdentityOperation.named(operation))
        do throws(QueryFailure) {
            _ = try attempt(operation, request(operation, members, by: principal))
            return nil
        } catch {
            return error
        }
    }

    // MARK: Storing

    /// A store as strict as the contract of ``Mutation`` has it.
    private mutating func apply(_ mutation: Mutation) throws {
        switch mutation {
        case .putIdentity(let identity):
            let isTaken = stored.identities.contains { other in
                other.id != identity.id && other.id.kind == identity.id.kind && other.account == identity.account
                    && other.foldedName == identity.foldedName
            }
            guard !isTaken else { throw Conflict(description: "the name \(identity.foldedName) is taken") }
            stored.identities.removeAll { $0.id == identity.id }
            stored.identities.append(identity)
        case .deleteIdentity(let account, let id):
            let count = stored.identities.count
            stored.identities.removeAll { $0.id == id && $0.account == account }
            guard stored.identities.count == count - 1 else { throw Conflict(description: "\(id) is not there") }
        case .insertAccessKey(let key), .updateAccessKey(let key):
            let isThere = stored.accessKeys.contains { $0.id == key.id }
            guard isThere == (mutation == .updateAccessKey(key)) else { throw Conflict(description: key.id) }
            stored.accessKeys.removeAll { $0.id == key.id }
            stored.accessKeys.append(key)
        case .deleteAccessKey(let account, let id):
            let count = stored.accessKeys.count
            stored.accessKeys.removeAll { $0.id == id && $0.account == account }
            guard stored.accessKeys.count == count - 1 else { throw Conflict(description: "\(id) is not there") }
        case .updateAccount(let account, let version):
            guard stored.accounts.map(\.version) == [version], account.version > version else {
                throw Conflict(description: "version \(version)")
            }
            stored.accounts = [account]
        default: throw Conflict(description: "\(mutation)")
        }
    }
}

/// Bytes that look random and are the same in each run (SplitMix64).
final class SeededBytes: RandomSource {
    private let random: Mutex<SeededRandom>

    init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed)) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoFailure) {
        random.withLock { random in
            for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: random.next()) }
        }
    }
}

/// A generator whose numbers can be had again (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// True once in `count` times.
    mutating func isOne(in count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    /// One of `choices`, which are not empty.
    mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[Int.random(in: choices.indices, using: &self)]
    }
}

extension AccountIdentities {
    /// All of a kind, in the order of their identifiers.
    func records(_ kind: UniqueID.Kind) -> [IdentityRecord] {
        identities(kind).map(\.record).sorted { $0.id.description < $1.id.description }
    }

    /// All managed policies, in the order of their identifiers.
    var policyRecords: [ManagedPolicyRecord] {
        managedPolicies.map(\.record).sorted { $0.id.description < $1.id.description }
    }
}

extension QueryValue {
    /// The member of this name.
    subscript(name: String) -> QueryValue? {
        guard case .structure(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }

    var list: [QueryValue]? { if case .list(let values) = self { values } else { nil } }
}
