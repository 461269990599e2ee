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
        #expect(explanation.steps.last == explanation.decision.conclusion)
    }

    /// Without the statements that apply, the decision is that of an account that says nothing.
    @Test(arguments: try EvaluationVector.all())
    func `what is hidden is not told`(vector: EvaluationVector) throws {
        let explanation = try vector.explanation(hidingKey: true)
        #expect(explanation.decision.reason == vector.reason)
        #expect(explanation.grants.isEmpty)
        for document in explanation.documents where document.role == .keyPolicy { #expect(document.fates == nil) }
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
            under: KeyPolicy(try PolicyDocument.parse(text, in: .aws)), grants: [], policies: .root, hidingKey: false)
        #expect(
            explanation.documents.first?.fates?.map(\.reason) == [
                "It is not about this principal.", "It is not about this action.", "It is not about this resource.",
                "Its condition does not hold: StringLike kms:ViaService \"s3.*\", and the request has no kms:ViaService.",
                "It can never apply: it lacks actions or resources, or is about nobody.", "It applies.",
            ])
        #expect(explanation.deciders.map(\.sid) == ["Yes"])
    }
}
