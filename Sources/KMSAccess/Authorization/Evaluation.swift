package import KMSModel

extension AccessQuestion {
    /// Whether the caller may.
    ///
    /// Source: IAM User Guide, "Policy evaluation logic", and KMS Developer Guide, "Troubleshooting AWS KMS permissions".
    ///
    /// - Parameter keyPolicy: The policy of the key that the question is about. It is not read for other resources, and a
    ///   key without one is open to nobody.
    /// - Parameter identity: What the caller's own account says.
    package func decision(under keyPolicy: KeyPolicy?, identity: IdentityAnswer) -> Decision {
        guard case .key(let arn, _) = resource else {
            return identity == .allows ? .allowed(.identity) : .denied(.notInIdentityPolicies)
        }
        switch keyPolicy?.verdict(on: caller, doing: action, to: arn) ?? .silent {
        case .denies(let statement):
            return .denied(.deniedByKeyPolicy(statement: statement))
        case _ where isForeign && !crossesAccounts:
            return .denied(.notAcrossAccounts)
        case .silent:
            return .denied(.notInKeyPolicy)
        case .admits(let admission, let statement) where admission > .byAccount && !isForeign:
            return .allowed(.keyPolicy(statement: statement))
        case .admits(_, let statement):
            return identity == .allows
                ? .allowed(.keyPolicyAndIdentity(statement: statement)) : .denied(.notInIdentityPolicies)
        }
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
        of caller: AccessCaller, fromKey arn: String, ownedBy owner: AccountID, identity: IdentityAnswer
    ) throws(PolicyFailure) {
        let question = AccessQuestion(
            caller: caller, action: Self.safeguardedAction, resource: .key(arn: arn, owner: owner),
            crossesAccounts: false
        )
        guard question.decision(under: self, identity: identity).isAllowed else { throw .lockout }
    }
}
