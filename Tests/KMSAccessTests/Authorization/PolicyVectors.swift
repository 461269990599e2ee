import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Testing

/// The data of `Tests/Vectors/policies`.
///
/// A member that no test reads fails the run.
enum PolicyVectors {
    /// The key that questions are about unless they name something else.
    static let keyARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

    struct Failure: Error, CustomStringConvertible { let description: String }

    /// One text and what becomes of it.
    struct Grammar: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        /// Nil if the text is a policy.
        let expected: PolicyFailure?
        var testDescription: String { name }
    }

    /// One question and its answer.
    struct Evaluation: Sendable, CustomTestStringConvertible {
        let name: String
        let policy: KeyPolicy?
        let question: AccessQuestion
        let policies: CallerPolicies
        let expected: Decision
        var testDescription: String { name }
    }

    /// A request that has what a vector says.
    struct Request: ConditionSource {
        let values: [ConditionKey: ConditionValues]

        func values(of key: ConditionKey) -> ConditionValues { values[key] ?? .absent }

        init(_ value: JSONValue?) throws {
            guard case .object(let object) = value else { throw Failure(description: "no request") }
            let values = try object.members.map { member -> (ConditionKey, ConditionValues) in
                switch member.value {
                case .string(let text): return (ConditionKey(member.name), .one(text))
                case .array(let texts): return (ConditionKey(member.name), .several(texts.compactMap(\.text)))
                default: throw Failure(description: member.name)
                }
            }
            self.values = Dictionary(values) { $1 }
        }
    }

    /// A condition, a request, and whether the one holds for the other.
    struct Condition: Sendable, CustomTestStringConvertible {
        let name: String
        let version: String
        let condition: JSONValue
        let request: Request
        let holds: Bool
        var testDescription: String { name }

        /// A policy with one statement of this effect under the condition; for a denial one before it that allows.
        func policy(_ effect: String) throws -> KeyPolicy {
            func statement(_ effect: String, _ condition: JSONValue?) -> JSONValue {
                var object = JSONObject([
                    "Effect": .string(effect), "Principal": .object(JSONObject(["AWS": .string("*")])),
                    "Action": .string("kms:*"), "Resource": .string("*"),
                ])
                if let condition { object.append("Condition", condition) }
                return .object(object)
            }
            let statements = (effect == "Deny" ? [statement("Allow", nil)] : []) + [statement(effect, condition)]
            let document = JSONObject(["Version": .string(version), "Statement": .array(statements)])
            return KeyPolicy(try PolicyDocument.parse(PolicyText.print(.object(document)), in: .aws))
        }
    }

    /// The members of each case of a file.
    static func cases(_ file: String, _ known: Set<String>) throws -> [[String: JSONValue]] {
        try members(of: load(file), known: ["origin", "cases"]).cases.map { try fields(of: $0, known: known) }
    }

    static func conditions() throws -> [Condition] {
        try members(of: load("conditions"), known: ["origin", "cases"]).cases.map { value in
            let members = try fields(of: value, known: ["name", "version", "condition", "request", "holds"])
            guard let name = members["name"]?.text, let version = members["version"]?.text,
                let condition = members["condition"], case .bool(let holds)? = members["holds"]
            else { throw Failure(description: "incomplete case") }
            return Condition(
                name: name, version: version, condition: condition, request: try Request(members["request"]),
                holds: holds
            )
        }
    }

    static func grammar() throws -> [Grammar] {
        try members(of: load("grammar"), known: ["origin", "cases"]).cases.map { value in
            let members = try fields(of: value, known: ["name", "text", "expected"])
            guard let name = members["name"]?.text, let text = members["text"]?.text,
                let expected = members["expected"]?.text
            else { throw Failure(description: "incomplete case") }
            let failure = Self.failures.first { "\($0)" == expected }
            guard failure != nil || expected == "accepted" else { throw Failure(description: expected) }
            return Grammar(name: name, text: text, expected: failure)
        }
    }

    static func evaluations(_ file: String) throws -> [Evaluation] {
        let (object, cases) = try members(of: load(file), known: ["origin", "policies", "cases"])
        guard case .object(let policies) = object["policies"] else { throw Failure(description: "no policies") }
        var documents: [String: String?] = [:]
        for member in policies.members {
            documents[member.name] = .some(member.value == .null ? nil : PolicyText.print(member.value))
        }
        return try cases.map { try evaluation($0, documents) }
    }

    // MARK: Reading

    private static func evaluation(_ value: JSONValue, _ documents: [String: String?]) throws -> Evaluation {
        let members = try fields(
            of: value,
            known: [
                "name", "policy", "caller", "rolePath", "action", "resource", "crossesAccounts", "identity", "expected",
            ]
        )
        guard let name = members["name"]?.text, let caller = members["caller"]?.text,
            let policyName = members["policy"]?.text, let document = documents[policyName],
            let action = members["action"]?.text, let expected = members["expected"]?.text,
            let owner = AccountID("111122223333")
        else { throw Failure(description: "incomplete case") }
        let asker = try self.caller(caller, rolePath: members["rolePath"]?.text ?? "/")
        let policies = try members["identity"]?.text.map(callerPolicies) ?? Self.policies(of: asker)
        let question = AccessQuestion(
            caller: asker,
            action: ActionName(action),
            resource: members["resource"]?.text.map { .outsideKeyPolicies($0) } ?? .key(arn: keyARN, owner: owner),
            crossesAccounts: members["crossesAccounts"] != .bool(false), request: NoConditions()
        )
        return Evaluation(
            name: name, policy: try document.map { try keyPolicy($0, for: asker) }, question: question,
            policies: policies,
            expected: try decision(expected)
        )
    }

    /// Policies that allow everything.
    static func allowingEverything() throws -> CallerPolicies {
        let text = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#
        let policy = IdentityPolicy(try PolicyDocument.parse(text, as: .identity))
        return CallerPolicies(identity: [policy], boundary: nil, session: nil)
    }

    /// Those of a caller to whom nothing is attached.
    static func policies(of caller: AccessCaller) -> CallerPolicies {
        if case .principal(.root) = caller { .root } else { .none }
    }

    private static func callerPolicies(_ text: String) throws -> CallerPolicies {
        switch text {
        case "allows": try allowingEverything()
        case "silent": .none
        default: throw Failure(description: text)
        }
    }

    private static func decision(_ text: String) throws -> Decision {
        let words = text.split(separator: " ")
        let statement = words.last.flatMap { Int($0) }
        switch (words.prefix { Int($0) == nil }.joined(separator: " "), statement) {
        case ("allow key policy", let statement?): return .allowed(.keyPolicy(statement: statement))
        case ("allow both", let statement?): return .allowed(.keyPolicyAndIdentity(statement: statement))
        case ("allow identity", nil): return .allowed(.identity)
        case ("deny explicit", let statement?): return .denied(.deniedByKeyPolicy(statement: statement))
        case ("deny key policy", nil): return .denied(.notInKeyPolicy)
        case ("deny identity", nil): return .denied(.notInIdentityPolicies)
        case ("deny foreign", nil): return .denied(.notAcrossAccounts)
        default: throw Failure(description: text)
        }
    }

    /// The failures that vectors name.
    private static let failures: [PolicyFailure] = [
        .tooLarge(most: 32_768), .syntax, .missingPrincipal, .missingActions, .missingResources, .invalidPrincipal,
        .invalidARN,
        .overlyPermissiveCondition, .lockout,
    ]

    /// A grant without constraints on a key of the account 444455556666.
    static func grant(
        _ grantee: String, retiring: String?, issuer: String, _ operations: [GrantOperation]
    ) throws -> GrantRecord {
        guard let region = Region("eu-central-1"), let owner = AccountID("444455556666"),
            let issuer = AccountID(issuer), let keyID = KeyID("1234abcd-12ab-34cd-56ef-1234567890ab"),
            let id = GrantID(bytes: [UInt8](repeating: 1, count: 32))
        else { throw Failure(description: grantee) }
        return GrantRecord(
            key: KeyARN(region: region, account: owner, keyID: keyID), id: id, name: nil,
            creationDate: Date(timeIntervalSince1970: 0), grantee: grantee, retiring: retiring, issuer: issuer,
            operations: operations, constraints: GrantConstraints(equals: nil, subset: nil))
    }

    /// The caller with this ARN; a text without colons is a service.
    static func caller(_ text: String, rolePath: String = "/") throws -> AccessCaller {
        guard text.contains(":") else { return .service(text) }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, let account = AccountID(parts[4]) else { throw Failure(description: text) }
        let names = parts[5].split(separator: "/").map(String.init)
        switch names[0] {
        case "root":
            return .principal(.root(account))
        case "user":
            let path = "/" + names.dropFirst().dropLast().map { $0 + "/" }.joined()
            return .principal(
                .user(
                    account, path: path, name: names[names.count - 1],
                    id: uniqueID(.user, account, path, names[names.count - 1])))
        case "assumed-role" where names.count == 3:
            return .principal(
                .roleSession(
                    account, path: rolePath, role: names[1], session: names[2],
                    id: uniqueID(.role, account, rolePath, names[1])))
        default:
            throw Failure(description: text)
        }
    }

    /// An identifier for whoever has this name; vectors name nobody by identifier.
    static func uniqueID(_ kind: UniqueID.Kind, _ account: AccountID, _ path: String, _ name: String) -> UniqueID {
        UniqueID(kind, random: Array(Digest.sha256(Array("\(account)\(path)\(name)".utf8))))
    }

    /// A key policy as it is stored, with everybody whom it names by the identifier.
    ///
    /// - Parameter caller: Who asks: sessions in the policy are of roles in the root path, but for the caller's own role.
    static func keyPolicy(
        _ text: String, as kind: PolicyDocument.Kind = .key(.aws), for caller: AccessCaller? = nil
    ) throws -> KeyPolicy {
        KeyPolicy(try bound(try PolicyDocument.parse(text, as: kind), as: kind, for: caller))
    }

    static func bound(
        _ document: PolicyDocument, as kind: PolicyDocument.Kind, for caller: AccessCaller? = nil
    ) throws -> PolicyDocument {
        let stored = document.bound(in: Everybody(caller: caller), partition: .aws)
        return try PolicyDocument.parse(stored: PolicyText.compact(stored), as: kind)
    }

    /// An ARN as grants are stored with it.
    static func bound(_ arn: String, for caller: AccessCaller? = nil) throws -> String {
        try PolicyPrincipal(aws: arn, in: .aws).bound(in: Everybody(caller: caller)) ?? arn
    }

    /// A world where everybody exists whom a policy names.
    private struct Everybody: PrincipalDirectory {
        let caller: AccessCaller?

        func hosts(_ account: AccountID) -> Bool { true }

        func userID(_ account: AccountID, path: String, name: String) -> UniqueID? {
            uniqueID(.user, account, path, name)
        }

        func roleID(_ account: AccountID, path: String?, name: String) -> UniqueID? {
            if path == nil, case .principal(.roleSession(let own, _, let role, _, let id)) = caller, own == account,
                role == name
            {
                return id
            }
            return uniqueID(.role, account, path ?? "/", name)
        }

        func principal(_ id: UniqueID) -> Principal? { nil }
    }

    private static func members(
        of value: JSONValue, known: Set<String>
    ) throws -> (object: [String: JSONValue], cases: [JSONValue]) {
        let object = try fields(of: value, known: known)
        guard case .array(let cases) = object["cases"] else { throw Failure(description: "no cases") }
        return (object, cases)
    }

    private static func fields(of value: JSONValue, known: Set<String>) throws -> [String: JSONValue] {
        guard case .object(let object) = value else { throw Failure(description: "not an object") }
        for member in object.members where !known.contains(member.name) { throw Failure(description: member.name) }
        return Dictionary(object.members.map { ($0.name, $0.value) }) { $1 }
    }

    private static func load(_ file: String) throws -> JSONValue {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let data = try Data(contentsOf: tests.appending(path: "Vectors/policies/\(file).json"))
        return try JSONParser.parse(data, refusingDuplicates: true)
    }
}

extension JSONValue {
    fileprivate var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
}
