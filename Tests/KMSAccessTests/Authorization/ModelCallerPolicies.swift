import KMSAccess
import KMSModel
import Testing

/// A statement of an identity policy that is generated, and evaluated once more without any of the code under test.
struct ModelIdentityStatement {
    var isDenial: Bool
    let actions: [String]
    let isNotAction: Bool
    let resources: [String]
    let isNotResource: Bool

    static func random(_ random: inout PolicyRandom) -> Self {
        ModelIdentityStatement(
            isDenial: random.isOne(in: 6),
            actions: (0...random.pick([0, 0, 1])).map { _ in random.pick(actionPatterns) },
            isNotAction: random.isOne(in: 6),
            resources: (0...random.pick([0, 0, 1])).map { _ in random.pick(resourcePatterns) },
            isNotResource: random.isOne(in: 8)
        )
    }

    private static let actionPatterns = ["*", "kms:*", "kms:*", "kms:Encrypt", "KMS:De*", "kms:*crypt", "s3:*"]
    private static let resourcePatterns = [
        "*", "*", "*", PolicyVectors.keyARN, "arn:aws:kms:*:key/1234*", "arn:aws:kms:*:alias/*",
    ]

    var text: String {
        PolicyText.print(
            .object(
                JSONObject([
                    .init(name: "Effect", value: .string(isDenial ? "Deny" : "Allow")),
                    .init(name: isNotAction ? "NotAction" : "Action", value: .array(actions.map(JSONValue.string))),
                    .init(
                        name: isNotResource ? "NotResource" : "Resource",
                        value: .array(resources.map(JSONValue.string))),
                ])))
    }

    func applies(to question: ModelQuestion) -> Bool {
        let action = question.action.lowercased()
        return actions.contains { NaiveWildcard.match($0.lowercased(), action) } != isNotAction
            && resources.contains { NaiveWildcard.match($0, PolicyVectors.keyARN) } != isNotResource
    }
}

/// All that a user's or a role's own account says of it, generated.
struct ModelCallerPolicies {
    typealias Policy = [ModelIdentityStatement]

    var identity: [Policy]
    var boundary: Policy?
    var session: [Policy]?

    static func random(_ random: inout PolicyRandom) -> Self {
        ModelCallerPolicies(
            identity: (0..<random.pick([0, 1, 1, 2])).map { _ in policy(&random) },
            boundary: random.isOne(in: 2) ? policy(&random) : nil,
            session: random.isOne(in: 2) ? policies(&random) : nil
        )
    }

    static func policy(_ random: inout PolicyRandom) -> Policy {
        (0..<Int.random(in: 1...3, using: &random)).map { _ in ModelIdentityStatement.random(&random) }
    }

    static func policies(_ random: inout PolicyRandom) -> [Policy] {
        (0..<random.pick([0, 1, 1, 2])).map { _ in policy(&random) }
    }

    func compiled() throws -> CallerPolicies {
        CallerPolicies(
            identity: try identity.map(Self.compiled), boundary: try boundary.map(Self.compiled),
            session: try session?.map(Self.compiled))
    }

    private static func compiled(_ policy: Policy) throws -> IdentityPolicy {
        // A policy whose statements were all taken away is one that says nothing.
        guard !policy.isEmpty else { return .nothing }
        let text = #"{"Version": "2012-10-17", "Statement": [\#(policy.map(\.text).joined(separator: ","))]}"#
        return IdentityPolicy(try PolicyDocument.parse(identityPolicy: text))
    }

    var text: String {
        func shown(_ policies: [Policy]) -> String {
            policies.map { $0.map(\.text).joined(separator: ", ") }.joined(separator: " | ")
        }
        return "identity: \(shown(identity)); boundary: \(boundary.map { shown([$0]) } ?? "none"); "
            + "session: \(session.map(shown) ?? "none")"
    }

    /// Whether they allow what no key policy is asked about: an `Allow` of each kind that there is, and no `Deny`.
    func allow(_ question: ModelQuestion) -> Bool {
        let kinds = [identity, boundary.map { [$0] }, session].compactMap(\.self).map { $0.flatMap(\.self) }
        return kinds.allSatisfy { statements in
            let applying = statements.filter { $0.applies(to: question) }
            return !applying.isEmpty && !applying.contains(where: \.isDenial)
        }
    }
}
