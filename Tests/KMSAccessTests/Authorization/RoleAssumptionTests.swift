import KMSAccess
import KMSModel
import Testing

/// Who may assume a role.
struct RoleAssumptionTests {
    private static let role = "arn:aws:iam::111122223333:role/target"
    private static let root = "arn:aws:iam::111122223333:root"
    private static let user = "arn:aws:iam::111122223333:user/reader"
    private static let session = "arn:aws:sts::111122223333:assumed-role/deployer/run-1"
    private static let foreigner = "arn:aws:iam::444455556666:user/reader"

    /// What one kind of policy says of assuming the role.
    enum Says { case allows, denies, nothing }

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let principal: String
        let caller: String
        let identity: Says
        /// Nil where there is none.
        let boundary: Says?
        /// Nil for a session that was begun without.
        let session: Says?
        let expected: Decision
        var testDescription: String { name }

        init(
            _ name: String, trusting principal: String, caller: String, identity: Says = .nothing,
            boundary: Says? = nil, session: Says? = nil, _ expected: Decision
        ) {
            (self.name, self.principal, self.caller, self.expected) = (name, principal, caller, expected)
            (self.identity, self.boundary, self.session) = (identity, boundary, session)
        }
    }

    private static let byTrust = Decision.allowed(.keyPolicy(statement: 0))
    private static let byBoth = Decision.allowed(.keyPolicyAndIdentity(statement: 0))
    private static let deployer = "arn:aws:iam::111122223333:role/deployer"

    static let rows = [
        Row("a named user needs no policy", trusting: user, caller: user, byTrust),
        Row("a named user within a boundary", trusting: user, caller: user, boundary: .allows, byTrust),
        Row(
            "a named user outside a boundary", trusting: user, caller: user, boundary: .nothing, .denied(.notInBoundary)
        ),
        Row(
            "a named user whose policy denies", trusting: user, caller: user, identity: .denies,
            .denied(.deniedByIdentityPolicy)
        ),
        Row(
            "a named user whose boundary denies", trusting: user, caller: user, identity: .allows, boundary: .denies,
            .denied(.deniedByBoundary)
        ),
        Row("a user of a named account", trusting: root, caller: user, .denied(.notInIdentityPolicies)),
        Row("a permitted user of a named account", trusting: root, caller: user, identity: .allows, byBoth),
        Row(
            "a permitted user outside a boundary", trusting: root, caller: user, identity: .allows, boundary: .nothing,
            .denied(.notInBoundary)
        ),
        Row(
            "a permitted user within a boundary", trusting: root, caller: user, identity: .allows, boundary: .allows,
            byBoth
        ),
        Row("a root user of a named account", trusting: root, caller: root, byTrust),
        Row("a named role", trusting: deployer, caller: session, byTrust),
        Row(
            "a named role outside a boundary", trusting: deployer, caller: session, boundary: .nothing,
            .denied(.notInBoundary)
        ),
        Row(
            "a named role outside a session's policies", trusting: deployer, caller: session, session: .nothing,
            .denied(.notInSessionPolicies)
        ),
        Row("a named role within a session's policies", trusting: deployer, caller: session, session: .allows, byTrust),
        Row("a named session", trusting: session, caller: session, byTrust),
        Row(
            "a named session outside a boundary", trusting: session, caller: session, boundary: .nothing,
            .denied(.notInBoundary)
        ),
        Row(
            "a session whose policies deny", trusting: session, caller: session, session: .denies,
            .denied(.deniedBySessionPolicy)
        ),
        Row("everybody", trusting: "*", caller: user, byTrust),
        Row("everybody, outside a boundary", trusting: "*", caller: user, boundary: .nothing, .denied(.notInBoundary)),
        Row("somebody else named", trusting: deployer, caller: user, identity: .allows, .denied(.notInKeyPolicy)),
        Row("a named user of another account", trusting: foreigner, caller: foreigner, .denied(.notInIdentityPolicies)),
        Row("the same, permitted at home", trusting: foreigner, caller: foreigner, identity: .allows, byBoth),
        Row(
            "a permitted user of another named account", trusting: "arn:aws:iam::444455556666:root", caller: foreigner,
            identity: .allows, byBoth
        ),
        Row(
            "the same outside a boundary", trusting: "arn:aws:iam::444455556666:root", caller: foreigner,
            identity: .allows, boundary: .nothing, .denied(.notInBoundary)
        ),
        Row(
            "a permitted user of another account that is not named", trusting: root, caller: foreigner,
            identity: .allows, .denied(.notInKeyPolicy)
        ),
    ]

    @Test(arguments: rows)
    func `a role is assumed by whom it trusts, within the caller's boundary`(row: Row) throws {
        let trust = try Self.trustPolicy(
            #"{"Effect": "Allow", "Principal": {"AWS": "\#(row.principal)"}, "Action": "sts:AssumeRole"}"#)
        let question = try Self.question("sts:AssumeRole", row.caller)
        #expect(try question.decision(assumingUnder: trust, policies: Self.policies(row)) == row.expected)
    }

    /// Whatever else is said.
    @Test(arguments: rows)
    func `a denial in the trust policy denies`(row: Row) throws {
        let trust = try Self.trustPolicy(
            #"{"Effect": "Deny", "Principal": "*", "Action": "sts:*"}"#,
            #"{"Effect": "Allow", "Principal": {"AWS": "\#(row.principal)"}, "Action": "sts:AssumeRole"}"#)
        let question = try Self.question("sts:AssumeRole", row.caller)
        #expect(
            try question.decision(assumingUnder: trust, policies: Self.policies(row))
                == .denied(.deniedByKeyPolicy(statement: 0)))
    }

    @Test func `what is given to a session has to be trusted too`() throws {
        let trust = try Self.trustPolicy(
            #"{"Effect": "Allow", "Principal": {"AWS": "\#(Self.user)"}, "Action": "sts:AssumeRole"}"#)
        for action in ["sts:TagSession", "sts:SetSourceIdentity"] {
            let question = try Self.question(action, Self.user)
            let decision = question.decision(assumingUnder: trust, policies: try PolicyVectors.allowingEverything())
            #expect(decision == .denied(.notInKeyPolicy))
        }
    }

    @Test func `a trust policy can ask for the external identifier`() throws {
        let trust = try Self.trustPolicy(
            #"""
            {"Effect": "Allow", "Principal": {"AWS": "\#(Self.user)"}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "4711"}}}
            """#)
        let requests: [(JSONObject, Decision)] = [
            (JSONObject(["sts:ExternalId": .string("4711")]), Self.byTrust),
            (JSONObject(["sts:ExternalId": .string("4712")]), .denied(.notInKeyPolicy)),
            (JSONObject(), .denied(.notInKeyPolicy)),
        ]
        for (request, expected) in requests {
            let question = try Self.question("sts:AssumeRole", Self.user, PolicyVectors.Request(.object(request)))
            let policies = CallerPolicies(identity: [], boundary: nil, session: nil)
            #expect(question.decision(assumingUnder: trust, policies: policies) == expected)
        }
    }

    // MARK: Making

    private static func trustPolicy(_ statements: String...) throws -> KeyPolicy {
        let text = #"{"Version": "2012-10-17", "Statement": [\#(statements.joined(separator: ","))]}"#
        return try PolicyVectors.keyPolicy(text, as: .trust(.aws))
    }

    private static func question(
        _ action: String, _ caller: String, _ request: any ConditionSource = NoConditions()
    ) throws -> AccessQuestion {
        AccessQuestion(
            caller: try PolicyVectors.caller(caller), action: ActionName(action),
            resource: .key(arn: role, owner: try #require(AccountID("111122223333"))), crossesAccounts: true,
            request: request)
    }

    private static func policies(_ row: Row) throws -> CallerPolicies {
        if row.caller == root { return .root }
        return CallerPolicies(
            identity: [try policy(row.identity)], boundary: try row.boundary.map(policy),
            session: try row.session.map { [try policy($0)] })
    }

    private static func policy(_ says: Says) throws -> IdentityPolicy {
        let (effect, action) =
            switch says {
            case .allows: ("Allow", "sts:AssumeRole")
            case .denies: ("Deny", "sts:*")
            case .nothing: ("Allow", "kms:*")
            }
        let text = #"{"Statement": {"Effect": "\#(effect)", "Action": "\#(action)", "Resource": "*"}}"#
        return IdentityPolicy(try PolicyDocument.parse(identityPolicy: text))
    }
}
