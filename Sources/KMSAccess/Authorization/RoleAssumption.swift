import KMSModel

extension AccessQuestion {
    /// Whether the caller may take on a role, or give the session something.
    ///
    /// It is as with a key and its policy, but for one thing: also of somebody whom the trust policy names, the permissions
    /// boundary must allow it.
    ///
    /// Source: IAM User Guide, "Granting a user permissions to switch roles", and "Permissions boundaries for IAM
    /// entities".
    ///
    /// - Parameter trustPolicy: The role's; the question's resource is the role's ARN with the account that owns it.
    package func decision(assumingUnder trustPolicy: KeyPolicy, policies: CallerPolicies) -> Decision {
        let decision = decision(under: trustPolicy, policies: policies)
        guard decision.isAllowed, case .key(let arn, _) = resource else { return decision }
        let limit = policies.verdicts(doing: action, to: arn, by: request).limit
        return limit.map(Decision.denied) ?? decision
    }
}
