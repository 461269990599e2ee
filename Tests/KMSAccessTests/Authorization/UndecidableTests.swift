import KMSAccess
import KMSModel
import Testing

/// What cannot be decided denies, and allows nothing.
struct UndecidableTests {
    /// A request that has these under the tags `a` and `b` of whoever asks.
    private struct Request: ConditionSource {
        let values: [String: ConditionValues]

        func values(of key: ConditionKey) -> ConditionValues {
            guard case .principalTag(let name) = key else { return .absent }
            return values[name] ?? .absent
        }
    }

    private static let long = String(repeating: "a", count: 40_000)

    static let rows: [(name: String, condition: String, values: [String: ConditionValues])] = [
        ("two values under one name", #"{"StringEquals": {"aws:PrincipalTag/a": "x"}}"#, ["a": .ambiguous]),
        ("their absence", #"{"Null": {"aws:PrincipalTag/a": "true"}}"#, ["a": .ambiguous]),
        ("unlike either", #"{"StringNotEquals": {"aws:PrincipalTag/a": "x"}}"#, ["a": .ambiguous]),
        (
            "a variable with two values", #"{"StringEquals": {"aws:PrincipalTag/a": "${aws:PrincipalTag/b}"}}"#,
            [
                "a": .one("x"), "b": .ambiguous,
            ]
        ),
        (
            "a variable with two values and a default",
            #"{"StringEquals": {"aws:PrincipalTag/a": "${aws:PrincipalTag/b, 'x'}"}}"#,
            [
                "a": .one("x"), "b": .ambiguous,
            ]
        ),
        (
            "long texts", #"{"StringLike": {"aws:PrincipalTag/a": "*${aws:PrincipalTag/b}x*"}}"#,
            [
                "a": .one(long), "b": .one(String(long.prefix(20_000))),
            ]
        ),
        (
            "a long text many times",
            #"{"StringEquals": {"aws:PrincipalTag/a": "${aws:PrincipalTag/b}${aws:PrincipalTag/b}"}}"#,
            [
                "a": .one("x"), "b": .one(long),
            ]
        ),
        (
            "very many values", #"{"ForAnyValue:StringLike": {"aws:PrincipalTag/a": "*aaaaaaaab*"}}"#,
            [
                "a": .several(Array(repeating: String(repeating: "a", count: 1000), count: 300))
            ]
        ),
    ]

    @Test(arguments: rows.map(\.name)) func `nothing is allowed, and a denial applies`(name: String) throws {
        let row = try #require(Self.rows.first { $0.name == name })
        func policy(_ effect: String) throws -> KeyPolicy {
            let allow = #"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#
            let statement = String(allow.dropLast()) + #", "Condition": \#(row.condition)}"#
            let text = statement.replacing("\"Allow\"", with: "\"\(effect)\"")
            let all = effect == "Deny" ? [allow, text] : [text]
            return try PolicyVectors.keyPolicy(
                #"{"Version": "2012-10-17", "Statement": [\#(all.joined(separator: ","))]}"#)
        }
        let owner = try #require(AccountID("111122223333"))
        let question = AccessQuestion(
            caller: try PolicyVectors.caller("arn:aws:iam::111122223333:user/reader"), action: "kms:Sign",
            resource: .key(arn: PolicyVectors.keyARN, owner: owner), crossesAccounts: true,
            request: Request(values: row.values))
        let none = CallerPolicies(identity: [], boundary: nil, session: nil)
        for effect in ["Allow", "Deny"] {
            let policy = try policy(effect)
            let explanation = question.explanation(under: policy, grants: [], policies: none, hidingKey: false)
            #expect(!question.decision(under: policy, policies: none).isAllowed, "\(effect)")
            #expect(!explanation.decision.isAllowed)
            let fate = try #require(explanation.documents.first?.fates?.last)
            #expect(fate.applies == (effect == "Deny") && (fate.mismatch == .undecidable) == (effect == "Allow"))
        }
    }
}
