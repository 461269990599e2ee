import KMSAccess
import KMSModel
import Testing

struct ExplanationTests {
    /// What is decided and what is explained cannot part ways.
    @Test(arguments: try EvaluationVector.all())
    func `the explanation decides as the rules do, and by statements that apply`(vector: EvaluationVector) throws {
        let explanation = try vector.explanation()
        #expect(explanation.decision.reason == vector.reason)
        let fates = explanation.documents.flatMap { document in
            (document.fates ?? []).map { (document, $0) }
        }
        for decider in explanation.deciders where decider.statement != nil {
            let fate = fates.first { $0.0.label == decider.label && $0.1.position == decider.statement }?.1
            #expect(fate?.applies == true, "\(decider)")
            #expect((fate?.effect == .allow) == vector.isAllowed)
        }
        let isDeniedExplicitly = fates.contains { $0.1.applies && $0.1.effect == .deny }
        if vector.isAllowed { #expect(!isDeniedExplicitly) }
        switch vector.reason {
        case "keyPolicy", "keyPolicyAndIdentity", "grant", "grantAndIdentity", "deniedByKeyPolicy",
            "deniedByIdentityPolicy", "deniedByBoundary", "deniedBySessionPolicy":
            #expect(!explanation.deciders.isEmpty)
        case "identity": #expect(!explanation.deciders.isEmpty || vector.callerIsRoot)
        default: #expect(explanation.deciders.isEmpty)
        }
        #expect(explanation.conclusion == explanation.decision.conclusion)
        #expect(explanation.steps.last == explanation.conclusion)
        let verdict = FateVerdict(
            explanation, of: try vector.question().0,
            hasSessionPolicies: vector.has(.session) && vector.hasOwnPolicies)
        #expect(verdict.reason == vector.reason)
    }

    /// Without the statements that apply, the decision is that of an account that says nothing.
    @Test(arguments: try EvaluationVector.all())
    func `what is hidden is not told`(vector: EvaluationVector) throws {
        let explanation = try vector.explanation(hidingKey: true)
        #expect(explanation.decision.reason == vector.reason)
        #expect(explanation.grants.isEmpty)
        for document in explanation.documents where document.role == .keyPolicy {
            #expect(document.fates == nil)
            #expect(document.label == "the policy of the key")
        }
        #expect(explanation.steps.last == explanation.conclusion)
    }

    @Test func `the first thing that does not match is the reason`() throws {
        let text = #"""
            {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "kms:*", "Resource": "*"},
                {"Effect": "Allow", "Principal": "*", "Action": "kms:List*", "Resource": "*"},
                {"Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "arn:aws:kms:*:*:key/other"},
                {"Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "*",
                    "Condition": {"StringLike": {"kms:ViaService": "s3.*"}}},
                {"Effect": "Allow", "Principal": "*", "Action": "kms:Sign"},
                {"Sid": "Yes", "Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}
            ]}
            """#
        let account = try #require(AccountID("111122223333"))
        let question = AccessQuestion(
            caller: .principal(.root(account)), action: "kms:Sign",
            resource: .key(arn: PolicyVectors.keyARN, owner: account), crossesAccounts: true, request: NoConditions())
        let explanation = question.explanation(
            under: try PolicyVectors.keyPolicy(text), grants: [], policies: .root, hidingKey: false)
        #expect(
            explanation.documents.first?.fates?.map(\.reason) == [
                "It is not about this principal.", "It is not about this action.", "It is not about this resource.",
                "Its condition does not hold: StringLike kms:ViaService \"s3.*\", and the request has no kms:ViaService.",
                "It can never apply: it lacks actions, resources or the values of a condition, or is about nobody.",
                "It applies: it names everybody.",
            ])
        #expect(explanation.deciders.map(\.sid) == ["Yes"])
    }

    @Test func `a statement that applies says how it is about the caller`() throws {
        let deployer = "arn:aws:iam::111122223333:role/deployer"
        let session = "arn:aws:sts::111122223333:assumed-role/deployer/run-1"
        let allows = ["111122223333", deployer, session, "*"].map { principal in
            #"{"Effect": "Allow", "Principal": {"AWS": "\#(principal)"}, "Action": "kms:Sign", "Resource": "*"}"#
        }
        let deny = #"""
            {"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/reader"}, "Action": "kms:Sign",
                "Resource": "*"}
            """#
        #expect(
            try fates((allows + [deny]).joined(separator: ","), caller: session) == [
                "It applies: it names the caller's account.", "It applies: it names the caller's role.",
                "It applies: it names this caller.", "It applies: it names everybody.",
                "It applies: it names all but those whom it lists, and the caller is not one of them.",
            ])
    }

    @Test func `a variable without a value is the reason`() throws {
        let statements = #"""
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": ["arn:aws:kms:*:*:key/${aws:username}", "*"]},
            {"Effect": "Allow", "Principal": "*", "NotAction": "kms:No", "NotResource": "arn:aws:kms:*:*:${aws:username}"},
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition":
                {"StringEquals": {"kms:CallerAccount": ["1", "${aws:username}"]}}},
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "arn:aws:kms:*:*:${aws:username, '*'}x"},
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition":
                {"StringNotEquals": {"kms:CallerAccount": "111122223333"}}}
            """#
        let request = try PolicyVectors.Request(.object(JSONObject(["kms:CallerAccount": .string("111122223333")])))
        func unset(_ text: String) -> String {
            "It has \"\(text)\", and the request has no single value for a variable in it."
        }
        #expect(
            try fates(statements, caller: "arn:aws:iam::111122223333:root", request: request) == [
                unset("arn:aws:kms:*:*:key/${aws:username}"), unset("arn:aws:kms:*:*:${aws:username}"),
                unset("${aws:username}"),
                "It is not about this resource.",
                "Its condition does not hold: StringNotEquals kms:CallerAccount \"111122223333\", and the request has "
                    + "\"111122223333\".",
            ])
    }

    /// One grant on a key of 444455556666, and what a user of 111122223333 hears of ending it.
    private struct Retirement {
        static let user = "arn:aws:iam::111122223333:user/reader"
        static let stranger = "The caller is neither its retiring principal nor a grantee whom it lets retire it."

        var grantee = "444455556666"
        var retiring: String?
        var issuer = "444455556666"
        var operation = GrantOperation.encrypt
        var isAllowed = false
        var reason = stranger
        let conclusion: String

        static let all = [
            Retirement(
                grantee: user, operation: .retireGrant, isAllowed: true, reason: "It lets this very caller retire it.",
                conclusion: "Allowed: the grant lets the caller retire it."),
            Retirement(
                retiring: user, isAllowed: true, reason: "It lets this very caller retire it.",
                conclusion: "Allowed: the grant lets the caller retire it."),
            Retirement(
                retiring: "111122223333",
                reason: "It leaves its retirement to the identity policies of the caller's account.",
                conclusion: "Denied: it is left to the caller's identity policies, and they do not allow it."),
            Retirement(
                grantee: user,
                conclusion: "Denied: the grant does not let the caller retire it, and its account neither made the "
                    + "grant nor owns the key."),
            Retirement(
                issuer: "111122223333",
                conclusion: "Denied: it is left to the caller's identity policies, and they do not allow it."),
        ]
    }

    /// The key policy is not asked who may retire a grant, so the explanation must not ask it either.
    @Test func `retiring a grant is explained as it is decided`() throws {
        let question = AccessQuestion(
            caller: try PolicyVectors.caller(Retirement.user), action: "kms:RetireGrant",
            resource: .key(arn: PolicyVectors.keyARN, owner: try #require(AccountID("444455556666"))),
            crossesAccounts: true, request: NoConditions())
        let policies = CallerPolicies(identity: [], boundary: nil, session: nil)
        for retirement in Retirement.all {
            let grant = Grant(
                try PolicyVectors.grant(
                    try PolicyVectors.bound(retirement.grantee),
                    retiring: try retirement.retiring.map { try PolicyVectors.bound($0) }, issuer: retirement.issuer,
                    [retirement.operation]))
            let explanation = question.explanation(retiring: grant, policies: policies, hidingKey: false)
            #expect(explanation.decision == question.decision(retiring: grant, policies: policies))
            #expect(explanation.decision.isAllowed == retirement.isAllowed)
            #expect(explanation.grants.map(\.reason) == [retirement.reason])
            #expect(explanation.conclusion == retirement.conclusion)
            #expect(explanation.steps.last == retirement.conclusion)
            #expect(explanation.deciders.map(\.label) == (retirement.isAllowed ? ["grant \(grant.record.id)"] : []))
            let hidden = question.explanation(retiring: grant, policies: policies, hidingKey: true)
            #expect(hidden.grants.isEmpty && hidden.deciders.isEmpty)
            #expect(!hidden.steps.contains(retirement.reason))
        }
    }

    /// What a key policy of these statements says of each, to a caller who would sign.
    private func fates(
        _ statements: String, caller: String, request: any ConditionSource = NoConditions()
    ) throws -> [String] {
        let text = #"{"Version": "2012-10-17", "Statement": [\#(statements)]}"#
        let question = AccessQuestion(
            caller: try PolicyVectors.caller(caller), action: "kms:Sign",
            resource: .key(arn: PolicyVectors.keyARN, owner: try #require(AccountID("111122223333"))),
            crossesAccounts: true, request: request)
        let explanation = question.explanation(
            under: try PolicyVectors.keyPolicy(text), grants: [], policies: .none, hidingKey: false)
        return try #require(explanation.documents.first?.fates).map(\.reason)
    }
}
