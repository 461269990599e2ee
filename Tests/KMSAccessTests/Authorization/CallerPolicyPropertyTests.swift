import KMSAccess
import KMSModel
import Testing

/// Identity policies, boundaries and session policies can only be narrowed by what narrows them.
struct CallerPolicyPropertyTests {
    /// A change that may only take away.
    enum Narrowing: String, CaseIterable, CustomTestStringConvertible {
        case denialInIdentityPolicies, denialInBoundary, denialInSessionPolicies
        case permissionOutOfIdentityPolicies, permissionOutOfBoundary, permissionOutOfSessionPolicies
        case boundaryAdded, sessionPoliciesAdded, identityPolicyTakenAway, sessionPolicyTakenAway

        var testDescription: String { rawValue }

        /// Changes `model`; false if it has nothing to change.
        func apply(to model: inout ModelCallerPolicies, _ random: inout PolicyRandom) -> Bool {
            switch self {
            case .denialInIdentityPolicies: return Self.deny(in: &model.identity, &random)
            case .denialInBoundary: return Self.edit(&model.boundary, &random, Self.deny)
            case .denialInSessionPolicies: return Self.edit(&model.session, &random, Self.deny)
            case .permissionOutOfIdentityPolicies: return Self.takePermission(outOf: &model.identity, &random)
            case .permissionOutOfBoundary: return Self.edit(&model.boundary, &random, Self.takePermission)
            case .permissionOutOfSessionPolicies: return Self.edit(&model.session, &random, Self.takePermission)
            case .boundaryAdded:
                guard model.boundary == nil else { return false }
                model.boundary = ModelCallerPolicies.policy(&random)
            case .sessionPoliciesAdded:
                guard model.session == nil else { return false }
                model.session = ModelCallerPolicies.policies(&random)
            case .identityPolicyTakenAway: return Self.takePolicy(outOf: &model.identity, &random)
            case .sessionPolicyTakenAway: return Self.edit(&model.session, &random, Self.takePolicy)
            }
            return true
        }

        typealias Edit = (inout [ModelCallerPolicies.Policy], inout PolicyRandom) -> Bool

        private static func edit(
            _ policies: inout [ModelCallerPolicies.Policy]?, _ random: inout PolicyRandom, _ edit: Edit
        ) -> Bool {
            guard var present = policies else { return false }
            defer { policies = present }
            return edit(&present, &random)
        }

        private static func edit(
            _ policy: inout ModelCallerPolicies.Policy?, _ random: inout PolicyRandom, _ edit: Edit
        ) -> Bool {
            guard let present = policy else { return false }
            var policies = [present]
            defer { policy = policies[0] }
            return edit(&policies, &random)
        }

        private static func deny(
            in policies: inout [ModelCallerPolicies.Policy], _ random: inout PolicyRandom
        ) -> Bool {
            guard !policies.isEmpty else { return false }
            var denial = ModelIdentityStatement.random(&random)
            denial.isDenial = true
            let index = Int.random(in: policies.indices, using: &random)
            policies[index].insert(denial, at: Int.random(in: 0...policies[index].count, using: &random))
            return true
        }

        /// What is left may be a policy without statements.
        private static func takePermission(
            outOf policies: inout [ModelCallerPolicies.Policy], _ random: inout PolicyRandom
        ) -> Bool {
            let places = policies.indices.flatMap { policy in
                policies[policy].indices.filter { !policies[policy][$0].isDenial }.map { (policy, $0) }
            }
            guard !places.isEmpty else { return false }
            let (policy, statement) = random.pick(places)
            policies[policy].remove(at: statement)
            return true
        }

        /// One that denies nothing, for a denial may go with it.
        private static func takePolicy(
            outOf policies: inout [ModelCallerPolicies.Policy], _ random: inout PolicyRandom
        ) -> Bool {
            let places = policies.indices.filter { !policies[$0].contains(where: \.isDenial) }
            guard !places.isEmpty else { return false }
            policies.remove(at: random.pick(places))
            return true
        }
    }

    private static let callers = [
        "arn:aws:iam::111122223333:user/reader", "arn:aws:sts::111122223333:assumed-role/deployer/run-1",
        "arn:aws:iam::444455556666:user/reader",
    ]

    /// Every answer to one question: about the key, about the key as a role that is assumed, and about no key.
    private func decisions(
        on question: ModelQuestion, _ keyPolicy: KeyPolicy, _ grants: GrantAnswer, _ model: ModelCallerPolicies
    ) throws -> [Decision] {
        let policies = try model.compiled()
        let asked = try question.asked()
        let outside = AccessQuestion(
            caller: asked.caller, action: asked.action, resource: .outsideKeyPolicies(PolicyVectors.keyARN),
            crossesAccounts: asked.crossesAccounts, request: asked.request)
        return [
            asked.decision(under: keyPolicy, grants: grants, policies: policies),
            asked.decision(assumingUnder: keyPolicy, policies: policies),
            outside.decision(under: nil, policies: policies),
        ]
    }

    @Test(arguments: Narrowing.allCases, 1...4)
    func `what narrows never allows`(narrowing: Narrowing, seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        var allowedCount = [0, 0, 0]
        var changedCount = 0
        for _ in 0..<300 {
            let keyPolicy = try ModelPolicy.random(&random).compiled()
            let grants = random.pick([GrantAnswer.silent, .silent, .allowsAccount, .allowsRole, .allowsCaller])
            let question = ModelQuestion.random(&random, callers: Self.callers)
            var model = ModelCallerPolicies.random(&random)
            let before = try decisions(on: question, keyPolicy, grants, model).map(\.isAllowed)
            guard narrowing.apply(to: &model, &random) else { continue }
            changedCount += 1
            let after = try decisions(on: question, keyPolicy, grants, model).map(\.isAllowed)
            for index in before.indices {
                if before[index] { allowedCount[index] += 1 }
                #expect(before[index] || !after[index], "\(question), decision \(index), \(model.text)")
            }
        }
        // Otherwise the property would hold of policies that never allow.
        #expect(allowedCount.allSatisfy { $0 > 0 }, "\(allowedCount) of \(changedCount)")
    }

    @Test(arguments: 1...10)
    func `policies allow without a key as their meaning says`(seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        var allowedCount = 0
        for _ in 0..<300 {
            let question = ModelQuestion.random(&random, callers: Self.callers)
            let model = ModelCallerPolicies.random(&random)
            let policy = try ModelPolicy.random(&random).compiled()
            let isAllowed = try decisions(on: question, policy, .silent, model)[2].isAllowed
            if isAllowed { allowedCount += 1 }
            #expect(isAllowed == model.allow(question), "\(question) \(model.text)")
        }
        #expect(allowedCount > 0)
    }

    /// A key policy that leaves everything to the account is as good as none.
    @Test(arguments: 1...10)
    func `under a delegating key policy the account's policies decide alone`(seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        let account = try #require(AccountID("111122223333"))
        let policy = KeyPolicy(try PolicyDocument.parse(StandardKeyPolicy.default(for: account, in: .aws), in: .aws))
        for _ in 0..<200 {
            let question = ModelQuestion.random(&random, callers: Array(Self.callers.prefix(2)))
            let model = ModelCallerPolicies.random(&random)
            let decisions = try decisions(on: question, policy, .silent, model)
            #expect(decisions[0].isAllowed == model.allow(question), "\(question) \(model.text)")
            #expect(decisions[1].isAllowed == model.allow(question), "\(question) \(model.text)")
        }
    }
}
