import KMSModel

extension AccessQuestion {
    /// Whether the caller may end a grant: its retiring principal, a grantee who may, or somebody whom the account that
    /// made the grant or owns the key permits.
    ///
    /// The key's policy has nothing to say. Source: KMS Developer Guide, "Retiring and revoking grants".
    package func decision(retiring grant: Grant, policies: CallerPolicies) -> Decision {
        guard case .key(let arn, let owner) = resource else { return .denied(.notInIdentityPolicies) }
        let answer = grant.retirement(by: caller)
        let isOfParty = caller.account == owner || caller.account == grant.record.issuer
        // Who has nothing to do with the grant is told nothing that depends on it or on its key.
        guard answer != .silent || isOfParty else { return .denied(.notInKeyPolicy) }
        let own = policies.verdicts(doing: action, to: arn, by: request)
        if let denial = own.denial { return .denied(denial) }
        switch answer {
        case .allowsCaller, .allowsRole: return .allowed(.grant)
        case .allowsAccount: return own.refusal.map(Decision.denied) ?? .allowed(.grantAndIdentity)
        case .silent: return own.refusal.map(Decision.denied) ?? .allowed(.identity)
        }
    }
}
