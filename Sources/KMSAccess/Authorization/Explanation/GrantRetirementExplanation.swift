import KMSModel

extension AccessQuestion {
    /// The decision on ending a grant, and how it is come to: ``decision(retiring:policies:)`` makes it.
    ///
    /// - Parameter isHidden: Whether the grant is on another account's key, so that whoever asks may not see it.
    package func explanation(
        retiring grant: Grant, policies: CallerPolicies, hidingKey isHidden: Bool
    ) -> Explanation {
        let decision = decision(retiring: grant, policies: policies)
        let documents = documentsOfAccount(policies, hiding: { isHidden && ($0.isAboutKey || $0.isAboutGrant) })
        let answer = grant.retirement(by: caller)
        let fate = Explanation.GrantFate(
            id: grant.record.id.description, answer: answer, reason: answer.retirementSentence)
        let grants = isHidden ? [] : [fate]
        let conclusion = isHidden ? decision.conclusionOfHiddenKey : decision.conclusionOfRetirement
        let steps =
            ["The key policy has nothing to say of who may retire a grant."]
            + (isHidden ? ["The grant is on another account's key: it is not shown."] : [fate.reason])
            + stepsOfAccount(documents, policies)
        return Explanation(
            decision: decision, conclusion: conclusion, documents: documents, grants: grants,
            deciders: Self.deciders(of: decision, documents, grants), steps: steps + [conclusion])
    }
}

extension GrantAnswer {
    fileprivate var retirementSentence: String {
        switch self {
        case .silent: "The caller is neither its retiring principal nor a grantee whom it lets retire it."
        case .allowsCaller: "It lets this very caller retire it."
        case .allowsRole: "It lets the caller's role retire it."
        case .allowsAccount: "It leaves its retirement to the identity policies of the caller's account."
        }
    }
}

extension Decision {
    /// The decision on ending a grant in a sentence: what it rests on differs where the key policy would be asked.
    fileprivate var conclusionOfRetirement: String {
        switch self {
        case .allowed(.grant): "Allowed: the grant lets the caller retire it."
        case .allowed(.grantAndIdentity):
            "Allowed: the grant leaves it to the caller's account, and the identity policies allow it."
        case .allowed(.identity):
            "Allowed: the account that made the grant or owns the key is the caller's, and it allows it."
        case .denied(.notInKeyPolicy):
            "Denied: the grant does not let the caller retire it, and its account neither made the grant nor owns the key."
        case .allowed(.keyPolicy), .allowed(.keyPolicyAndIdentity), .denied(.deniedByKeyPolicy),
            .denied(.deniedByIdentityPolicy), .denied(.deniedByBoundary), .denied(.deniedBySessionPolicy),
            .denied(.notInIdentityPolicies), .denied(.notInBoundary), .denied(.notInSessionPolicies),
            .denied(.notAcrossAccounts):
            conclusion
        }
    }
}
