import KMSAccess
import KMSModel

/// The verdict that the fates of an explanation come to, by the rules once more and without the code that decides.
///
/// Source: IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Troubleshooting AWS KMS permissions".
struct FateVerdict {
    private let explanation: Explanation
    private let question: AccessQuestion
    /// Also of a session that was begun with an empty list of policies.
    private let hasSessionPolicies: Bool

    init(_ explanation: Explanation, of question: AccessQuestion, hasSessionPolicies: Bool) {
        self.explanation = explanation
        self.question = question
        self.hasSessionPolicies = hasSessionPolicies
    }

    /// The name of the decision's reason.
    var reason: String {
        guard case .key = question.resource else { return ownDenial ?? refusal ?? "identity" }
        let grants = explanation.grants.map(\.answer.rawValue).max() ?? 0
        if has(.deny, .keyPolicy) { return "deniedByKeyPolicy" }
        if question.isForeign, question.crossesAccounts, admission == 0, grants == 0 { return "notInKeyPolicy" }
        if let ownDenial { return ownDenial }
        guard question.isForeign else { return reasonAtHome(grants) }
        guard question.crossesAccounts else { return "notAcrossAccounts" }
        let isNamedByGrant = grants == 3 || grants == 2 && limit == nil
        if let refusal { return isNamedByGrant ? "grant" : refusal }
        return admission > 0 ? "keyPolicyAndIdentity" : isNamedByGrant ? "grant" : "grantAndIdentity"
    }

    private func reasonAtHome(_ grants: Int) -> String {
        let byPolicy = [nil, refusal ?? "keyPolicyAndIdentity", limit ?? "keyPolicy", "keyPolicy"][admission]
        let byGrant = [nil, refusal ?? "grantAndIdentity", limit ?? "grant", "grant"][grants]
        let answers = [byPolicy, byGrant].compactMap(\.self)
        return answers.first { !$0.hasPrefix("notIn") } ?? answers.first ?? "notInKeyPolicy"
    }

    /// How far the key policy admits the caller: its account 1, its role 2, itself 3, none of them 0.
    private var admission: Int {
        fates(.keyPolicy).filter { $0.applies && $0.effect == .allow }.map { fate in
            switch fate.naming {
            case .caller, .unlisted: 3
            case .everybody: if case .principal(.roleSession) = question.caller { 2 } else { 3 }
            case .role: 2
            case .account: 1
            case nil: 0
            }
        }.max() ?? 0
    }

    private var ownDenial: String? {
        if has(.deny, .identityPolicy) { return "deniedByIdentityPolicy" }
        if has(.deny, .boundary) { return "deniedByBoundary" }
        return has(.deny, .sessionPolicy) ? "deniedBySessionPolicy" : nil
    }

    private var refusal: String? {
        if case .principal(.root) = question.caller { return nil }
        return has(.allow, .identityPolicy) ? limit : "notInIdentityPolicies"
    }

    private var limit: String? {
        let hasBoundary = explanation.documents.contains { $0.role == .boundary }
        if hasBoundary, !has(.allow, .boundary) { return "notInBoundary" }
        return hasSessionPolicies && !has(.allow, .sessionPolicy) ? "notInSessionPolicies" : nil
    }

    private func has(_ effect: PolicyStatement.Effect, _ role: Explanation.Document.Role) -> Bool {
        fates(role).contains { $0.applies && $0.effect == effect }
    }

    private func fates(_ role: Explanation.Document.Role) -> [StatementFate] {
        explanation.documents.filter { $0.role == role }.flatMap { $0.fates ?? [] }
    }
}
