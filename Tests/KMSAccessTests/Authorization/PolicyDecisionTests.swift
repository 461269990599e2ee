import KMSAccess
import KMSModel
import Testing

struct PolicyDecisionTests {
    @Test(
        arguments: try ["principals", "cross-account", "actions-and-resources", "denials", "without-key-policy"]
            .flatMap(PolicyVectors.evaluations)
    )
    func `a policy says what AWS says`(vector: PolicyVectors.Evaluation) {
        #expect(vector.question.decision(under: vector.policy, policies: vector.policies) == vector.expected)
    }

    @Test(arguments: [
        // What the policy names, who asks, and how far that admits: nothing but a name passes by what narrows a role.
        (#"{"AWS": "111122223333"}"#, "arn:aws:iam::111122223333:root", Admission.byName),
        (#"{"AWS": "111122223333"}"#, "arn:aws:iam::111122223333:user/reader", .byAccount),
        (#"{"AWS": "111122223333"}"#, "arn:aws:sts::111122223333:assumed-role/deployer/run-1", .byAccount),
        (#"{"AWS": "arn:aws:iam::111122223333:user/reader"}"#, "arn:aws:iam::111122223333:user/reader", .byName),
        (
            #"{"AWS": "arn:aws:iam::111122223333:role/deployer"}"#,
            "arn:aws:sts::111122223333:assumed-role/deployer/run-1", .byRole
        ),
        (
            #"{"AWS": "arn:aws:sts::111122223333:assumed-role/deployer/run-1"}"#,
            "arn:aws:sts::111122223333:assumed-role/deployer/run-1", .byName
        ),
        (#""*""#, "arn:aws:iam::111122223333:root", .byName),
        (#""*""#, "arn:aws:iam::111122223333:user/reader", .byName),
        (#""*""#, "arn:aws:sts::111122223333:assumed-role/deployer/run-1", .byRole),
        (#""*""#, "logs.amazonaws.com", .byName),
        (#"{"AWS": "*"}"#, "arn:aws:sts::111122223333:assumed-role/deployer/run-1", .byRole),
        (#"{"Service": "logs.amazonaws.com"}"#, "logs.amazonaws.com", .byName),
    ])
    func `a statement admits as far as it names`(principal: String, caller: String, admission: Admission) throws {
        let policy = try policy(allowing: [principal])
        #expect(try verdict(of: policy, on: caller) == .admits(admission, statement: 0))
    }

    @Test func `of several statements the one that admits furthest counts, and of equals the first`() throws {
        let account = #"{"AWS": "111122223333"}"#
        let role = #"{"AWS": "arn:aws:iam::111122223333:role/deployer"}"#
        let session = #"{"AWS": "arn:aws:sts::111122223333:assumed-role/deployer/run-1"}"#
        let caller = "arn:aws:sts::111122223333:assumed-role/deployer/run-1"
        let expected: [([String], KeyPolicy.Verdict)] = [
            ([account, role, session], .admits(.byName, statement: 2)),
            ([session, role, account], .admits(.byName, statement: 0)),
            ([account, role, role], .admits(.byRole, statement: 1)),
            ([account, account], .admits(.byAccount, statement: 0)),
        ]
        for (principals, verdict) in expected {
            #expect(try self.verdict(of: try policy(allowing: principals), on: caller) == verdict)
        }
    }

    @Test func `a name that only looks the same is another`() throws {
        // U+212A, the Kelvin sign, is canonically equivalent to K.
        let policy = try policy(allowing: [#"{"AWS": "arn:aws:iam::111122223333:user/K"}"#])
        #expect(try verdict(of: policy, on: "arn:aws:iam::111122223333:user/K") == .admits(.byName, statement: 0))
        #expect(try verdict(of: policy, on: "arn:aws:iam::111122223333:user/\u{212A}") == .silent)
    }

    // MARK: Lockout

    @Test(arguments: [
        ("the default policy and the root user", #"{"AWS": "111122223333"}"#, "kms:*", "root", true),
        ("the default policy and a user", #"{"AWS": "111122223333"}"#, "kms:*", "user/reader", false),
        ("a named user", #"{"AWS": "arn:aws:iam::111122223333:user/reader"}"#, "kms:PutKeyPolicy", "user/reader", true),
        ("a named user and root", #"{"AWS": "arn:aws:iam::111122223333:user/reader"}"#, "kms:*", "root", false),
        ("a named user without the action", #"{"AWS": "111122223333"}"#, "kms:Encrypt", "root", false),
        ("another account", #"{"AWS": "444455556666"}"#, "kms:*", "root", false),
    ])
    func `a policy that locks its writer out is refused`(
        name: String, principal: String, action: String, caller: String, isAccepted: Bool
    ) throws {
        let policy = try policy(allowing: [principal], action)
        let caller = try PolicyVectors.caller("arn:aws:iam::111122223333:" + caller)
        let owner = try #require(AccountID("111122223333"))
        let check = {
            try policy.checkLockout(
                of: caller, fromKey: PolicyVectors.keyARN, ownedBy: owner, policies: PolicyVectors.policies(of: caller),
                request: NoConditions()
            )
        }
        if isAccepted { try check() } else { #expect(throws: PolicyFailure.lockout, performing: check) }
    }

    @Test func `identity policies count where the new policy delegates`() throws {
        let policy = try policy(allowing: [#"{"AWS": "111122223333"}"#])
        let caller = try PolicyVectors.caller("arn:aws:iam::111122223333:user/reader")
        let owner = try #require(AccountID("111122223333"))
        let everything = try PolicyVectors.allowingEverything()
        try policy.checkLockout(
            of: caller, fromKey: PolicyVectors.keyARN, ownedBy: owner, policies: everything, request: NoConditions())
    }

    @Test func `another account's root user cannot write a policy, whatever it says`() throws {
        let policy = try policy(allowing: [#""*""#])
        let caller = try PolicyVectors.caller("arn:aws:iam::444455556666:root")
        let owner = try #require(AccountID("111122223333"))
        #expect(throws: PolicyFailure.lockout) {
            let everything = try PolicyVectors.allowingEverything()
            try policy.checkLockout(
                of: caller, fromKey: PolicyVectors.keyARN, ownedBy: owner, policies: everything, request: NoConditions()
            )
        }
    }

    private func policy(allowing principals: [String], _ action: String = "kms:*") throws -> KeyPolicy {
        let statements = principals.map {
            #"{"Effect": "Allow", "Principal": \#($0), "Action": "\#(action)", "Resource": "*"}"#
        }
        let text = #"{"Statement": [\#(statements.joined(separator: ","))]}"#
        return try PolicyVectors.keyPolicy(text)
    }

    private func verdict(of policy: KeyPolicy, on caller: String) throws -> KeyPolicy.Verdict {
        policy.verdict(
            on: try PolicyVectors.caller(caller), doing: "kms:Encrypt", to: PolicyVectors.keyARN, by: NoConditions()
        )
    }
}
