import KMSAccess
import KMSModel
import Testing

/// Whom a statement of a ``ModelPolicy`` names.
enum ModelPrincipal: String, CaseIterable {
    case anyone = "*"
    case anyIdentity
    case account = "111122223333"
    case root = "arn:aws:iam::111122223333:root"
    case otherAccount = "444455556666"
    case user = "arn:aws:iam::111122223333:user/reader"
    case otherUser = "arn:aws:iam::444455556666:user/reader"
    case role = "arn:aws:iam::111122223333:role/deployer"
    case session = "arn:aws:sts::111122223333:assumed-role/deployer/run-1"
    case service = "logs.amazonaws.com"

    /// The names under which each caller may be listed, outermost first: account, user or role, session.
    static func layers(of caller: String) -> [[ModelPrincipal]] {
        switch caller {
        case "arn:aws:iam::111122223333:root": [[.account, .root]]
        case "arn:aws:iam::111122223333:user/reader": [[.account, .root], [.user]]
        case "arn:aws:iam::111122223333:user/builder": [[.account, .root], []]
        case "arn:aws:sts::111122223333:assumed-role/deployer/run-1": [[.account, .root], [.role], [.session]]
        case "arn:aws:sts::111122223333:assumed-role/deployer/run-2": [[.account, .root], [.role], []]
        case "arn:aws:iam::444455556666:root": [[.otherAccount]]
        case "arn:aws:iam::444455556666:user/reader": [[.otherAccount], [.otherUser]]
        default: [[.service]]
        }
    }
}

/// A statement that is generated, written as JSON, and evaluated once more without any of the code under test.
struct ModelStatement {
    var isDenial: Bool
    var isConditional: Bool
    let principals: [ModelPrincipal]
    let isNotPrincipal: Bool
    let actions: [String]
    let isNotAction: Bool
    let resources: [String]
    let isNotResource: Bool

    static func random(_ random: inout PolicyRandom) -> Self {
        let isDenial = random.isOne(in: 4)
        return ModelStatement(
            isDenial: isDenial,
            isConditional: random.isOne(in: 8),
            principals: random.isOne(in: 10)
                ? [.anyone] : (0...random.pick([0, 0, 1, 2])).map { _ in random.pick(named) },
            isNotPrincipal: isDenial && random.isOne(in: 3),
            actions: (0..<random.pick([0, 1, 1, 1, 2])).map { _ in random.pick(actionPatterns) },
            isNotAction: random.isOne(in: 5),
            resources: (0..<random.pick([0, 1, 1, 1, 1, 2])).map { _ in random.pick(resourcePatterns) },
            isNotResource: random.isOne(in: 8)
        )
    }

    private static let named = ModelPrincipal.allCases.filter { $0 != .anyone }
    private static let actionPatterns = [
        "*", "kms:*", "kms:Encrypt", "KMS:ENCRYPT", "kms:De*", "kms:?????ey*", "kms:*crypt", "s3:*", "kms:DescribeKey",
    ]
    private static let resourcePatterns = [
        "*", "*", "*", PolicyVectors.keyARN, "arn:aws:kms:*:key/1234*", "arn:aws:kms:*:alias/*", "arn:*:???",
    ]

    var text: String {
        var object = JSONObject()
        object.append("Effect", .string(isDenial ? "Deny" : "Allow"))
        object.append(isNotPrincipal ? "NotPrincipal" : "Principal", principalText)
        object.append(isNotAction ? "NotAction" : "Action", .array(actions.map(JSONValue.string)))
        object.append(isNotResource ? "NotResource" : "Resource", .array(resources.map(JSONValue.string)))
        let condition = JSONObject(["Bool": .object(JSONObject(["a": .bool(true)]))])
        if isConditional { object.append("Condition", .object(condition)) }
        return PolicyText.print(.object(object))
    }

    private var principalText: JSONValue {
        if principals == [.anyone] { return .string("*") }
        let names = principals.filter { $0 != .service }
            .map { JSONValue.string($0 == .anyIdentity ? "*" : $0.rawValue) }
        let services = principals.filter { $0 == .service }.map { JSONValue.string($0.rawValue) }
        var object = JSONObject()
        if !names.isEmpty { object.append("AWS", .array(names)) }
        if !services.isEmpty { object.append("Service", .array(services)) }
        return .object(object)
    }

    /// Whether the statement applies, and whether it names more of the caller than its account.
    func application(to question: ModelQuestion) -> (applies: Bool, isDirect: Bool) {
        guard !actions.isEmpty, !resources.isEmpty, !isConditional else { return (false, false) }
        let action = question.action.lowercased()
        let isAction = actions.contains { NaiveWildcard.match($0.lowercased(), action) } != isNotAction
        let isResource = resources.contains { NaiveWildcard.match($0, PolicyVectors.keyARN) } != isNotResource
        let isEverybody =
            principals.contains(.anyone) || !question.isService && principals.contains(.anyIdentity)
        let isListed = ModelPrincipal.layers(of: question.caller).map { !principals.filter($0.contains).isEmpty }
        let isMeant = isNotPrincipal ? !isEverybody && isListed.contains(false) : isEverybody || isListed.contains(true)
        let isDirect = isEverybody || isListed.dropFirst().contains(true) || isListed == [true]
        return (isAction && isResource && isMeant, isDirect)
    }
}

/// A policy of generated statements.
struct ModelPolicy {
    var statements: [ModelStatement]

    static func random(_ random: inout PolicyRandom) -> Self {
        ModelPolicy(statements: (0..<Int.random(in: 1...5, using: &random)).map { _ in ModelStatement.random(&random) })
    }

    var text: String { #"{"Version": "2012-10-17", "Statement": [\#(statements.map(\.text).joined(separator: ","))]}"# }

    func compiled() throws -> KeyPolicy { try PolicyVectors.keyPolicy(text) }

    /// The steps of the IAM User Guide's "Policy evaluation logic", taken literally.
    func expectedDecision(on question: ModelQuestion) -> Decision {
        let applications = statements.map { $0.application(to: question) }
        for index in statements.indices where statements[index].isDenial && applications[index].applies {
            return .denied(.deniedByKeyPolicy(statement: index))
        }
        let isForeign = question.caller.contains(":444455556666:")
        if isForeign, !question.crossesAccounts { return .denied(.notAcrossAccounts) }
        let admitting = statements.indices.filter { !statements[$0].isDenial && applications[$0].applies }
        guard !admitting.isEmpty else { return .denied(.notInKeyPolicy) }
        let direct = admitting.filter { applications[$0].isDirect }
        let statement = furthest(direct.isEmpty ? admitting : direct, for: question)
        if !direct.isEmpty, !isForeign { return .allowed(.keyPolicy(statement: statement)) }
        let isAllowedAtHome = question.isIdentityAllowing || question.caller.hasSuffix(":root")
        return isAllowedAtHome
            ? .allowed(.keyPolicyAndIdentity(statement: statement)) : .denied(.notInIdentityPolicies)
    }

    /// The first statement, or for a role session the first that names the very session, if one does.
    private func furthest(_ positions: [Int], for question: ModelQuestion) -> Int {
        let isSession = question.caller.hasSuffix("/deployer/run-1")
        return positions.first { isSession && statements[$0].principals.contains(.session) } ?? positions[0]
    }
}

/// A question in the terms of a ``ModelPolicy``.
struct ModelQuestion {
    let caller: String
    let action: String
    let crossesAccounts: Bool
    let isIdentityAllowing: Bool

    private static let callers = [
        "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/reader",
        "arn:aws:iam::111122223333:user/builder", "arn:aws:sts::111122223333:assumed-role/deployer/run-1",
        "arn:aws:sts::111122223333:assumed-role/deployer/run-2", "arn:aws:iam::444455556666:root",
        "arn:aws:iam::444455556666:user/reader", "logs.amazonaws.com",
    ]

    static func random(_ random: inout PolicyRandom, callers: [String] = callers) -> Self {
        ModelQuestion(
            caller: random.pick(callers),
            action: random.pick(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:PutKeyPolicy"]),
            crossesAccounts: !random.isOne(in: 4),
            isIdentityAllowing: random.isOne(in: 3)
        )
    }

    var isService: Bool { !caller.contains(":") }

    func asked() throws -> AccessQuestion {
        AccessQuestion(
            caller: try PolicyVectors.caller(caller), action: ActionName(action),
            resource: .key(arn: PolicyVectors.keyARN, owner: try #require(AccountID("111122223333"))),
            crossesAccounts: crossesAccounts, request: NoConditions()
        )
    }

    func decision(under policy: KeyPolicy) throws -> Decision {
        let question = try asked()
        return question.decision(
            under: policy,
            policies: isIdentityAllowing
                ? try PolicyVectors.allowingEverything() : PolicyVectors.policies(of: question.caller)
        )
    }
}
