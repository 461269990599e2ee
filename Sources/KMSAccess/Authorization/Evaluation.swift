package import KMSModel

extension AccessQuestion {
    /// Whether the caller may.
    ///
    /// Source: IAM User Guide, "Policy evaluation logic", and KMS Developer Guide, "Troubleshooting AWS KMS permissions".
    ///
    /// - Parameters:
    ///   - keyPolicy: The policy of the key that the question is about. It is not read for other resources, and a key
    ///     without one is open to nobody.
    ///   - grants: What the key's grants say.
    ///   - policies: What the caller's own account says.
    package func decision(
        under keyPolicy: KeyPolicy?, grants: GrantAnswer = .silent, policies: CallerPolicies
    ) -> Decision {
        guard case .key(let arn, _) = resource else { return decisionOutsideKeyPolicies(policies) }
        let keyVerdict = keyPolicy?.verdict(on: caller, doing: action, to: arn, by: request) ?? .silent
        if case .denies(let statement) = keyVerdict { return .denied(.deniedByKeyPolicy(statement: statement)) }
        // Of another account's key that is not shared the answer is the same whatever the caller's own account says.
        if isForeign, crossesAccounts, keyVerdict == .silent, grants == .silent { return .denied(.notInKeyPolicy) }
        let own = policies.verdicts(doing: action, to: arn, by: request)
        if let denial = own.denial { return .denied(denial) }
        if isForeign, !crossesAccounts { return .denied(.notAcrossAccounts) }
        return isForeign ? foreignDecision(keyVerdict, grants, own) : homeDecision(keyVerdict, grants, own)
    }

    private func decisionOutsideKeyPolicies(_ policies: CallerPolicies) -> Decision {
        guard case .outsideKeyPolicies(let name) = resource else { return .denied(.notInIdentityPolicies) }
        let own = policies.verdicts(doing: action, to: name, by: request)
        return (own.denial ?? own.refusal).map(Decision.denied) ?? .allowed(.identity)
    }

    /// A key of the caller's own account: it is enough that the key's policy or a grant names the caller.
    ///
    /// What the policy allows rests on it, whatever grants say too: only what a grant alone allows has the grant's bounds.
    private func homeDecision(
        _ keyVerdict: KeyPolicy.Verdict, _ grants: GrantAnswer, _ own: CallerPolicies.Verdicts
    ) -> Decision {
        let byPolicy = homeDecision(keyVerdict, own)
        if let byPolicy, byPolicy.isAllowed { return byPolicy }
        let byGrant = homeDecision(grants, own)
        if let byGrant, byGrant.isAllowed { return byGrant }
        return byPolicy ?? byGrant ?? .denied(.notInKeyPolicy)
    }

    /// What the key's policy comes to; nil when it says nothing.
    private func homeDecision(_ verdict: KeyPolicy.Verdict, _ own: CallerPolicies.Verdicts) -> Decision? {
        guard case .admits(let admission, let statement) = verdict else { return nil }
        return switch admission {
        case .byName: .allowed(.keyPolicy(statement: statement))
        case .byRole: own.limit.map(Decision.denied) ?? .allowed(.keyPolicy(statement: statement))
        case .byAccount: own.refusal.map(Decision.denied) ?? .allowed(.keyPolicyAndIdentity(statement: statement))
        }
    }

    /// What grants come to; nil when they say nothing.
    private func homeDecision(_ grants: GrantAnswer, _ own: CallerPolicies.Verdicts) -> Decision? {
        switch grants {
        case .silent: nil
        case .allowsCaller: .allowed(.grant)
        case .allowsRole: own.limit.map(Decision.denied) ?? .allowed(.grant)
        case .allowsAccount: own.refusal.map(Decision.denied) ?? .allowed(.grantAndIdentity)
        }
    }

    /// A key of another account: both accounts must allow, unless a grant names the caller.
    private func foreignDecision(
        _ keyVerdict: KeyPolicy.Verdict, _ grants: GrantAnswer, _ own: CallerPolicies.Verdicts
    ) -> Decision {
        let isNamed = grants == .allowsCaller || grants == .allowsRole && own.limit == nil
        if let refusal = own.refusal { return isNamed ? .allowed(.grant) : .denied(refusal) }
        if case .admits(_, let statement) = keyVerdict { return .allowed(.keyPolicyAndIdentity(statement: statement)) }
        return .allowed(isNamed ? .grant : .grantAndIdentity)
    }
}

extension KeyPolicy {
    /// The action whose permission nobody may take from themselves.
    private static let safeguardedAction: ActionName = "kms:PutKeyPolicy"

    /// The lockout safety check: whether, under this policy, `caller` could replace it again.
    ///
    /// Source: KMS API Reference, PutKeyPolicy, `BypassPolicyLockoutSafetyCheck`. A caller who sets that flag is not
    /// checked.
    ///
    /// - Throws: ``PolicyFailure/lockout``.
    package func checkLockout(
        of caller: AccessCaller, fromKey arn: String, ownedBy owner: AccountID, policies: CallerPolicies,
        request: any ConditionSource
    ) throws(PolicyFailure) {
        let question = AccessQuestion(
            caller: caller, action: Self.safeguardedAction, resource: .key(arn: arn, owner: owner),
            crossesAccounts: false, request: request
        )
        guard question.decision(under: self, policies: policies).isAllowed else { throw .lockout }
    }
}
