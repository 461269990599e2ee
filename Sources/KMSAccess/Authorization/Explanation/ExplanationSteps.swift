import KMSModel

extension AccessQuestion {
    /// What each kind of document says, in the order in which the decision asks them.
    ///
    /// Source of the order: IAM User Guide, "Policy evaluation logic".
    func steps(
        _ documents: [Explanation.Document], _ grants: GrantAnswer, isHidden: Bool, _ policies: CallerPolicies
    ) -> [String] {
        var steps: [String] = []
        if case .key = resource {
            if isHidden {
                steps.append("The key is another account's: its policy and its grants are not shown.")
            } else {
                steps.append(keyPolicyStep(documents.filter { $0.role == .keyPolicy }))
                steps.append(grants.sentence)
            }
            if isForeign, !crossesAccounts {
                steps.append("The operation works only on keys of the caller's own account, and this is another's.")
            } else if isForeign {
                steps.append("The key is of another account, so the caller's own account must allow it as well.")
            }
        } else {
            steps.append("No key is involved: the caller's own account decides.")
        }
        return steps + stepsOfAccount(documents, policies)
    }

    /// What each kind of document of the caller's own account says.
    func stepsOfAccount(_ documents: [Explanation.Document], _ policies: CallerPolicies) -> [String] {
        switch policies.standing {
        case .root: return ["The caller is a root user, who needs no identity policy."]
        case .nobody: return ["The caller has no identity policies."]
        case .identity(_, let boundary, let session):
            return [
                step("The identity policies", .identityPolicy, documents),
                boundary == nil
                    ? "There is no permissions boundary." : step("The permissions boundary", .boundary, documents),
                session == nil
                    ? "The session was begun without policies, or there is none."
                    : step("The session policies", .sessionPolicy, documents),
            ]
        }
    }

    private func keyPolicyStep(_ documents: [Explanation.Document]) -> String {
        guard let document = documents.first, let fates = document.fates else { return "The key has no policy." }
        if let deny = document.first(.deny) {
            return "The key policy explicitly denies it, by statement \(deny.position)."
        }
        let admitting = fates.filter { $0.applies && $0.effect == .allow }
        guard !admitting.isEmpty else { return "The key policy says nothing of it for this caller." }
        return "The key policy admits the caller, or its account, by statement "
            + admitting.map { String($0.position) }.joined(separator: ", ") + "."
    }

    private func step(
        _ subject: String, _ role: Explanation.Document.Role, _ documents: [Explanation.Document]
    ) -> String {
        let own = documents.filter { $0.role == role }
        if let denying = own.first(where: { $0.first(.deny) != nil }) {
            return "\(subject) explicitly deny it: \(denying.label)."
        }
        guard let allowing = own.first(where: { $0.first(.allow) != nil }) else { return "\(subject) do not allow it." }
        return "\(subject) allow it: \(allowing.label)."
    }
}

extension GrantAnswer {
    fileprivate var sentence: String {
        switch self {
        case .silent: "No grant permits it."
        case .allowsCaller: "A grant to this very caller permits it."
        case .allowsRole: "A grant to the caller's role permits it."
        case .allowsAccount: "A grant to the caller's account leaves it to that account's identity policies."
        }
    }
}

extension Decision {
    /// The decision in a sentence that says of a key of another account, and of that account, no more than an answer to
    /// the request itself does.
    var conclusionOfHiddenKey: String {
        switch self {
        case .allowed: "Allowed: the key's account lets the caller use it, and nothing of the caller's own forbids it."
        case .denied(.deniedByKeyPolicy), .denied(.notInKeyPolicy), .denied(.notAcrossAccounts):
            "Denied: the key does not exist, or its account does not let the caller use it."
        case .denied(.deniedByIdentityPolicy), .denied(.deniedByBoundary), .denied(.deniedBySessionPolicy),
            .denied(.notInIdentityPolicies), .denied(.notInBoundary), .denied(.notInSessionPolicies):
            conclusion
        }
    }

    /// The decision in a sentence.
    package var conclusion: String {
        switch self {
        case .allowed(.keyPolicy): "Allowed: the key policy admits the caller by itself."
        case .allowed(.keyPolicyAndIdentity):
            "Allowed: the key policy admits the caller's account or the caller, and the identity policies allow it."
        case .allowed(.grant): "Allowed: a grant permits it by itself."
        case .allowed(.grantAndIdentity):
            "Allowed: a grant admits the caller or its account, and the identity policies allow it."
        case .allowed(.identity): "Allowed: the caller's own account allows it."
        case .denied(.deniedByKeyPolicy): "Denied: the key policy explicitly denies it."
        case .denied(.deniedByIdentityPolicy): "Denied: an identity policy explicitly denies it."
        case .denied(.deniedByBoundary): "Denied: the permissions boundary explicitly denies it."
        case .denied(.deniedBySessionPolicy): "Denied: a session policy explicitly denies it."
        case .denied(.notInKeyPolicy):
            "Denied: the key policy admits neither the caller nor its account, and no grant permits it."
        case .denied(.notInIdentityPolicies):
            "Denied: it is left to the caller's identity policies, and they do not allow it."
        case .denied(.notInBoundary): "Denied: the permissions boundary does not allow it."
        case .denied(.notInSessionPolicies): "Denied: the session policies do not allow it."
        case .denied(.notAcrossAccounts): "Denied: the operation works only within one account."
        }
    }
}
