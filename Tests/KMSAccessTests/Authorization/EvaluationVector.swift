import Foundation
import KMSAccess
import KMSModel
import Testing

/// One case of `Tests/Vectors/policies/evaluation.json`.
struct EvaluationVector: Sendable, CustomTestStringConvertible {
    /// Where a policy can stand.
    enum Place: CaseIterable { case key, identity, boundary, session }

    let name: String
    let isAllowed: Bool
    let reason: String
    private var members: [String: JSONValue]

    var testDescription: String { name }
    var callerIsRoot: Bool { text("caller").hasSuffix(":root") }

    private static let known: Set = [
        "name", "caller", "rolePath", "keyPolicy", "keyAccount", "identityPolicies", "boundary", "sessionPolicies",
        "grants", "action", "resource", "crossAccount", "request", "encryptionContext", "expected", "because",
    ]

    static func all() throws -> [EvaluationVector] {
        try PolicyVectors.cases("evaluation", known).map { members in
            guard case .string(let name)? = members["name"], case .string(let expected)? = members["expected"],
                case .string(let reason)? = members["because"], Set(members.keys) == known
            else { throw PolicyVectors.Failure(description: "incomplete case") }
            return EvaluationVector(name: name, isAllowed: expected == "allowed", reason: reason, members: members)
        }
    }

    // MARK: Asking

    func decision() throws -> Decision {
        let (question, owner) = try question()
        return question.decision(
            under: try keyPolicy(for: question.caller),
            grants: try grants(ownedBy: owner, to: question.caller), policies: try policies()
        )
    }

    func explanation(hidingKey isHidden: Bool = false) throws -> Explanation {
        let (question, owner) = try question()
        let answer = try grants(ownedBy: owner, to: question.caller)
        return question.explanation(
            under: try keyPolicy(for: question.caller),
            grants: list("grants").isEmpty ? [] : [Explanation.GrantFate(id: "1", answer: answer, reason: "")],
            policies: try policies(), hidingKey: isHidden
        )
    }

    func question() throws -> (AccessQuestion, owner: AccountID) {
        guard let owner = AccountID(text("keyAccount")) else { throw PolicyVectors.Failure(description: name) }
        let arn = "arn:aws:kms:eu-central-1:\(owner):key/1234abcd-12ab-34cd-56ef-1234567890ab"
        let caller = try PolicyVectors.caller(
            isService ? String(text("caller").dropFirst("service:".count)) : text("caller"), rolePath: text("rolePath")
        )
        let question = AccessQuestion(
            caller: caller, action: ActionName(text("action")),
            resource: text("resource") == "key" ? .key(arn: arn, owner: owner) : .outsideKeyPolicies(text("resource")),
            crossesAccounts: members["crossAccount"] == .bool(true),
            request: try PolicyVectors.Request(members["request"])
        )
        return (question, owner)
    }

    /// Whether the caller is one to whom policies are attached.
    var hasOwnPolicies: Bool { !isService && !callerIsRoot }
    private var isService: Bool { text("caller").hasPrefix("service:") }

    private func policies() throws -> CallerPolicies {
        if isService { return .none }
        if callerIsRoot { return .root }
        return CallerPolicies(
            identity: try list("identityPolicies").enumerated().map { index, value in
                IdentityPolicy(try document(value, as: .identity), label: "identity policy \(index)")
            },
            boundary: try policy("boundary", as: .identity).map { IdentityPolicy($0) },
            session: members["sessionPolicies"] == .null
                ? nil
                : try list("sessionPolicies").enumerated().map { index, value in
                    IdentityPolicy(try document(value, as: .identity), label: "session policy \(index)")
                }
        )
    }

    private func grants(ownedBy owner: AccountID, to caller: AccessCaller) throws -> GrantAnswer {
        let operation = GrantOperation(rawValue: String(text("action").dropFirst("kms:".count)))
        let context = EncryptionContext(pairs(members["encryptionContext"]) ?? [])
        guard let operation, let region = Region("eu-central-1"),
            let keyID = KeyID("1234abcd-12ab-34cd-56ef-1234567890ab")
        else { return .silent }
        let key = KeyARN(region: region, account: owner, keyID: keyID)
        return try list("grants").map { value in
            guard case .object(let object) = value, case .string(let grantee)? = object["grantee"],
                case .array(let operations)? = object["operations"],
                let id = GrantID(bytes: [UInt8](repeating: 1, count: 32))
            else { throw PolicyVectors.Failure(description: name) }
            let record = GrantRecord(
                key: key, id: id, name: nil, creationDate: Date(timeIntervalSince1970: 0),
                grantee: try PolicyVectors.bound(grantee, for: caller),
                retiring: nil, issuer: key.account,
                operations: operations.compactMap {
                    if case .string(let name) = $0 { GrantOperation(rawValue: name) } else { nil }
                },
                constraints: GrantConstraints(
                    equals: pairs(object["encryptionContextEquals"]).map { EncryptionContext($0) },
                    subset: pairs(object["encryptionContextSubset"]).map { EncryptionContext($0) }
                )
            )
            return Grant(record).answer(to: caller, doing: operation, in: context)
        }.max() ?? .silent
    }

    // MARK: Changing

    func has(_ place: Place) -> Bool {
        switch place {
        case .key: members["keyPolicy"] != .null
        case .identity: !callerIsRoot && !text("caller").hasPrefix("service:")
        case .boundary: !callerIsRoot && members["boundary"] != .null
        case .session: members["sessionPolicies"] != .null
        }
    }

    func denying(everythingIn place: Place) throws -> EvaluationVector {
        var copy = self
        switch place {
        case .key: copy.members["keyPolicy"] = Self.denial(withPrincipal: true)
        case .identity: copy.members["identityPolicies"] = .array(list("identityPolicies") + [Self.denial()])
        case .boundary: copy.members["boundary"] = Self.denial()
        case .session: copy.members["sessionPolicies"] = .array(list("sessionPolicies") + [Self.denial()])
        }
        return copy
    }

    /// The same question where no policy and no grant says anything.
    func withoutPermissions() -> EvaluationVector {
        var copy = self
        copy.members["keyPolicy"] = .null
        copy.members["identityPolicies"] = .array([])
        copy.members["grants"] = .array([])
        return copy
    }

    private static func denial(withPrincipal: Bool = false) -> JSONValue {
        var statement = JSONObject(["Effect": .string("Deny"), "Action": .string("*"), "Resource": .string("*")])
        if withPrincipal { statement.append("Principal", .string("*")) }
        return .object(JSONObject(["Version": .string("2012-10-17"), "Statement": .object(statement)]))
    }

    // MARK: Reading

    private func text(_ member: String) -> String {
        if case .string(let text)? = members[member] { text } else { "" }
    }

    private func list(_ member: String) -> [JSONValue] {
        if case .array(let values)? = members[member] { values } else { [] }
    }

    private func pairs(_ value: JSONValue?) -> [(String, String)]? {
        guard case .object(let object)? = value else { return nil }
        return object.members.compactMap { if case .string(let text) = $0.value { ($0.name, text) } else { nil } }
    }

    private func policy(_ member: String, as kind: PolicyDocument.Kind) throws -> PolicyDocument? {
        guard let value = members[member], value != .null else { return nil }
        return try document(value, as: kind)
    }

    private func keyPolicy(for caller: AccessCaller) throws -> KeyPolicy? {
        try policy("keyPolicy", as: .key(.aws)).map {
            KeyPolicy(try PolicyVectors.bound($0, as: .key(.aws), for: caller))
        }
    }

    private func document(_ value: JSONValue, as kind: PolicyDocument.Kind) throws -> PolicyDocument {
        try PolicyDocument.parse(PolicyText.print(value), as: kind)
    }
}
