package import KMSModel

/// How much an account uses of what IAM limits: of the account's own quotas, and of each other quota whoever is nearest to it.
package struct IdentityUsage: Sendable {
    /// What is limited.
    package enum Quota: Sendable, CaseIterable {
        case users, groups, roles, policies
        case accessKeys, groupsPerUser, attachedPolicies, inlinePolicySize, trustPolicySize
        case versions, managedPolicySize, tags
    }

    /// A user, group, role or managed policy.
    package struct Holder: Sendable, Equatable {
        /// What it is.
        package let kind: UniqueID.Kind
        /// What it is called.
        package let name: String
        /// Its ARN.
        package let arn: String
    }

    /// One quota.
    package struct Item: Sendable {
        /// What is counted.
        package let quota: Quota
        /// How many there are.
        package let used: Int
        /// How many there may be.
        package let limit: Int
        /// Whose they are; nil for the account's own quotas, and where nobody has any.
        package let holder: Holder?
    }

    /// Every quota that is enforced, in the order of ``Quota``.
    package let items: [Item]

    /// Counts.
    ///
    /// This looks at every policy of the account, which takes tens of milliseconds when all quotas are used up.
    package init(of identities: AccountIdentities) {
        var nearest: [Quota: Item] = [:]
        func note(_ quota: Quota, _ used: Int, _ limit: Int, _ holder: Holder) {
            guard used > 0 else { return }
            if let known = nearest[quota], known.used * limit >= used * known.limit { return }
            nearest[quota] = Item(quota: quota, used: used, limit: limit, holder: holder)
        }
        let accessKeys = identities.accessKeyCounts()
        for identity in [UniqueID.Kind.user, .group, .role].flatMap(identities.identities) {
            let (record, kind) = (identity.record, identity.record.id.kind)
            let holder = Holder(kind: kind, name: record.name, arn: identity.arn)
            note(.accessKeys, accessKeys[record.id] ?? 0, IdentityQuota.accessKeysPerUser, holder)
            note(.groupsPerUser, record.groups.count, IdentityQuota.groupsPerUser, holder)
            note(.attachedPolicies, record.attachedPolicies.count, IdentityQuota.attachedPolicies, holder)
            note(.tags, record.tags.count, Form.mostTags, holder)
            let inline = record.inlinePolicies.reduce(0) { $0 + $1.document.policySize }
            note(.inlinePolicySize, inline, IdentityQuota.inlinePolicySize(kind), holder)
            note(.trustPolicySize, record.role?.trustPolicy.policySize ?? 0, IdentityQuota.trustPolicySize, holder)
        }
        for policy in identities.managedPolicies {
            let holder = Holder(kind: .policy, name: policy.record.name, arn: policy.arn)
            note(.versions, policy.record.versions.count, IdentityQuota.versionsPerPolicy, holder)
            note(.tags, policy.record.tags.count, Form.mostTags, holder)
            let size = policy.record.versions.map(\.document.policySize).max() ?? 0
            note(.managedPolicySize, size, IdentityQuota.managedPolicySize, holder)
        }
        items = Quota.allCases.map { quota in
            guard let kind = quota.kind else {
                return nearest[quota] ?? Item(quota: quota, used: 0, limit: quota.commonLimit, holder: nil)
            }
            return Item(
                quota: quota, used: identities.count(of: kind), limit: IdentityQuota.entities(kind), holder: nil)
        }
    }
}

extension IdentityUsage.Quota {
    /// What the account itself may have only so many of.
    fileprivate var kind: UniqueID.Kind? {
        switch self {
        case .users: .user
        case .groups: .group
        case .roles: .role
        case .policies: .policy
        default: nil
        }
    }

    /// The limit that is shown where nobody has any.
    fileprivate var commonLimit: Int {
        switch self {
        case .users, .groups, .roles, .policies: kind.map(IdentityQuota.entities) ?? 0
        case .accessKeys: IdentityQuota.accessKeysPerUser
        case .groupsPerUser: IdentityQuota.groupsPerUser
        case .attachedPolicies: IdentityQuota.attachedPolicies
        case .inlinePolicySize: IdentityQuota.inlinePolicySize(.user)
        case .trustPolicySize: IdentityQuota.trustPolicySize
        case .versions: IdentityQuota.versionsPerPolicy
        case .managedPolicySize: IdentityQuota.managedPolicySize
        case .tags: Form.mostTags
        }
    }
}
