import KMSAccess
import KMSModel
import Testing

/// What conditions and policy variables mean.
struct ConditionTests {
    @Test(arguments: try PolicyVectors.conditions())
    func `a condition holds as IAM says`(vector: PolicyVectors.Condition) throws {
        let question = AccessQuestion(
            caller: try PolicyVectors.caller("arn:aws:iam::111122223333:user/reader"), action: "kms:Encrypt",
            resource: .key(arn: PolicyVectors.keyARN, owner: try #require(AccountID("111122223333"))),
            crossesAccounts: true, request: vector.request
        )
        for effect in ["Allow", "Deny"] {
            let policy = try vector.policy(effect)
            let decision = question.decision(under: policy, policies: .none)
            let allows = effect == "Allow" ? vector.holds : !vector.holds
            #expect(decision.isAllowed == allows, "\(effect) \(vector.name)")
        }
    }

    @Test(arguments: 1...10)
    func `no condition and no request makes the evaluation fail`(seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        let conditions = try PolicyVectors.conditions()
        for _ in 0..<100 {
            let (one, other) = (random.pick(conditions), random.pick(conditions))
            let question = AccessQuestion(
                caller: try PolicyVectors.caller("arn:aws:iam::111122223333:user/reader"), action: "kms:Encrypt",
                resource: .key(arn: PolicyVectors.keyARN, owner: try #require(AccountID("111122223333"))),
                crossesAccounts: true, request: other.request
            )
            // The same request gets the same answer, and never both the permission and the denial.
            let allowed = question.decision(under: try one.policy("Allow"), policies: .none).isAllowed
            let denied = !question.decision(under: try one.policy("Deny"), policies: .none).isAllowed
            #expect(allowed == denied)
        }
    }
}
