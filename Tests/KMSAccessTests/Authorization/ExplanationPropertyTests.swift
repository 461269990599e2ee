import KMSAccess
import KMSModel
import Testing

/// What is explained of random policies is what they mean.
struct ExplanationPropertyTests {
    /// One question with everything that decides it.
    private struct Setting {
        let model: ModelPolicy
        let policies: ModelCallerPolicies
        let question: ModelQuestion
        let grant: GrantAnswer

        init(_ random: inout PolicyRandom) {
            model = ModelPolicy.random(&random)
            policies = ModelCallerPolicies.random(&random)
            question = ModelQuestion.random(&random)
            grant = random.pick([.silent, .silent, .allowsAccount, .allowsRole, .allowsCaller])
        }

        var hasOwnPolicies: Bool { !question.isService && !question.caller.hasSuffix(":root") }
        var description: String { "\(question), grant \(grant), under \(model.text); \(policies.text)" }

        func compiled() throws -> CallerPolicies {
            hasOwnPolicies ? try policies.compiled() : PolicyVectors.policies(of: try question.asked().caller)
        }

        func explanation() throws -> Explanation {
            try question.asked().explanation(
                under: try model.compiled(), grants: [Explanation.GrantFate(id: "1", answer: grant, reason: "")],
                policies: try compiled(), hidingKey: false)
        }
    }

    @Test(arguments: 1...10)
    func `each statement is said to apply when it does`(seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        var appliedCount = 0
        for _ in 0..<100 {
            let setting = Setting(&random)
            let explanation = try setting.explanation()
            let applications = setting.model.statements.map { $0.application(to: setting.question) }
            let policies = setting.policies
            let own = (policies.identity + (policies.boundary.map { [$0] } ?? []) + (policies.session ?? []))
                .map { policy in policy.map { $0.applies(to: setting.question) } }
            let expected = [applications.map(\.applies)] + (setting.hasOwnPolicies ? own : [])
            let fates = explanation.documents.map { $0.fates ?? [] }
            #expect(fates.map { $0.map(\.applies) } == expected, "\(setting.description)")
            #expect(fates.map { $0.map(\.position) } == expected.map { Array($0.indices) })
            for fate in fates.dropFirst().joined() { #expect(fate.naming == nil) }
            for fate in fates.first ?? [] {
                #expect((fate.naming != nil) == fate.applies)
                guard fate.applies, fate.effect == .allow else { continue }
                appliedCount += 1
                #expect((fate.naming != .account) == applications[fate.position].isDirect, "\(setting.description)")
            }
        }
        // Otherwise the property would hold of statements that never apply.
        #expect(appliedCount > 0)
    }

    @Test(arguments: 1...10)
    func `the fates of statements come to the decision`(seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        var reasons: Set<String> = []
        for _ in 0..<200 {
            let setting = Setting(&random)
            let question = try setting.question.asked()
            let explanation = try setting.explanation()
            let decision = question.decision(
                under: try setting.model.compiled(), grants: setting.grant, policies: try setting.compiled())
            #expect(explanation.decision == decision)
            let verdict = FateVerdict(
                explanation, of: question,
                hasSessionPolicies: setting.hasOwnPolicies && setting.policies.session != nil)
            #expect(verdict.reason == decision.reason, "\(setting.description)")
            reasons.insert(decision.reason)
        }
        // Otherwise the property would hold of few decisions.
        #expect(reasons.count >= 6, "\(reasons)")
    }

    /// What answers a denied request does not tell the two apart either.
    @Test(arguments: 1...10)
    func `of another account's key a denial is not told from silence`(seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        var told: [String: Explanation] = [:]
        var reasons: Set<String> = []
        let policies = try ModelCallerPolicies.random(&random).compiled()
        for _ in 0..<1000 {
            let question = try ModelQuestion.random(&random, callers: ["arn:aws:iam::444455556666:user/reader"]).asked()
            let explanation = question.explanation(
                under: try ModelPolicy.random(&random).compiled(), grants: [], policies: policies, hidingKey: true)
            guard question.crossesAccounts, case .denied(let denial) = explanation.decision, !denial.isOfOwnAccount
            else { continue }
            reasons.insert(explanation.decision.reason)
            let known = told[question.action.description, default: explanation]
            told[question.action.description] = known
            #expect(explanation.conclusion == known.conclusion)
            #expect(explanation.documents == known.documents)
            #expect(explanation.deciders.isEmpty && explanation.grants.isEmpty)
            #expect(explanation.steps == known.steps)
        }
        #expect(reasons == ["deniedByKeyPolicy", "notInKeyPolicy"])
    }
}
