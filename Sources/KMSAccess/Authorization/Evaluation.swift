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
    private func homeDecision(
        _ keyVerdict: KeyPolicy.Verdict, _ grants: GrantAnswer, _ own: CallerPolicies.Verdicts
    ) -> Decision {
        var refusals: [Decision.Denial] = []
        switch grants {
        case .silent: break
        case .allowsCaller: return .allowed(.grant)
        case .allowsRole:
            guard let limit = own.limit else { return .allowed(.grant) }
            refusals.append(limit)
        case .allowsAccount:
            guard let refusal = own.refusal else { return .allowed(.grantAndIdentity) }
            refusals.append(refusal)
        }
        if case .admits(let admission, let statement) = keyVerdict {
            switch admission {
            case .byName: return .allowed(.keyPolicy(statement: statement))
            case .byRole:
                guard let limit = own.limit else { return .allowed(.keyPolicy(statement: statement)) }
                refusals.append(limit)
            case .byAccount:
                guard let refusal = own.refusal else { return .allowed(.keyPolicyAndIdentity(statement: statement)) }
                refusals.append(refusal)
            }
        }
        return .denied(refusals.last ?? .notInKeyPolicy)
    }

    /// A key of another account: both accounts must allow, unless a grant names the caller.
    private func foreignDecision(
        _ keyVerdict: KeyPolicy.Verdict, _ grants: GrantAnswer, _ own: CallerPolicies.Verdicts
    ) -> Decision {
        if grants == .allowsCaller || grants == .allowsRole && own.limit == nil { return .allowed(.grant) }
        if case .admits(_, let statement) = keyVerdict {
            return own.refusal.map(Decision.denied) ?? .allowed(.keyPolicyAndIdentity(statement: statement))
        }
        return own.refusal.map(Decision.denied) ?? .allowed(.grantAndIdentity)
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
