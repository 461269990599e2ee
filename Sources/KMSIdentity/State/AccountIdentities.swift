package import KMSAccess
package import KMSModel

/// Everybody in one account, their policies and their access keys, as of one moment.
package struct AccountIdentities: Sendable {
    /// A name among those of its kind, in lower case.
    private struct Name: Hashable {
        let kind: UniqueID.Kind
        let folded: String

        init(_ kind: UniqueID.Kind, _ name: String) {
            self.kind = kind
            folded = name.lowercased()
        }
    }

    /// The account itself.
    package internal(set) var account: AccountRecord
    private var identities: [UniqueID: Identity] = [:]
    private var policies: [UniqueID: ManagedPolicy] = [:]
    private var ids: [Name: UniqueID] = [:]
    private var accessKeys: [String: AccessKeyRecord] = [:]

    package init(_ account: AccountRecord) { self.account = account }

    // MARK: Reading

    /// The user, group or role of this identifier.
    package func identity(_ id: UniqueID) -> Identity? { identities[id] }

    /// The user, group or role of this name, without regard to case.
    package func identity(_ kind: UniqueID.Kind, named name: String) -> Identity? {
        ids[Name(kind, name)].flatMap { identities[$0] }
    }

    /// The managed policy of this identifier.
    package func policy(_ id: UniqueID) -> ManagedPolicy? { policies[id] }

    /// The managed policy of this name, without regard to case.
    package func policy(named name: String) -> ManagedPolicy? { ids[Name(.policy, name)].flatMap { policies[$0] } }

    /// All of a kind, in no order.
    package func identities(_ kind: UniqueID.Kind) -> [Identity] {
        identities.values.filter { $0.record.id.kind == kind }
    }

    /// All managed policies, in no order.
    package var managedPolicies: [ManagedPolicy] { Array(policies.values) }

    /// The access key of this identifier.
    package func accessKey(_ id: String) -> AccessKeyRecord? { accessKeys[id] }

    /// The access keys of a user, or with nil of the root user, oldest first.
    package func accessKeys(of user: UniqueID?) -> [AccessKeyRecord] {
        accessKeys.values.filter { $0.user == user }
            .sorted { ($0.creationDate, $0.id) < ($1.creationDate, $1.id) }
    }

    /// How many access keys each user has; users without any are not in it.
    func accessKeyCounts() -> [UniqueID: Int] {
        accessKeys.values.reduce(into: [:]) { counts, key in
            if let user = key.user { counts[user, default: 0] += 1 }
        }
    }

    /// The identifiers of all access keys.
    package var accessKeyIDs: some Sequence<String> { accessKeys.keys }

    /// The identifiers of all users, groups and roles.
    var principalIDs: some Sequence<UniqueID> { identities.keys }

    /// The groups that a user is in.
    package func groups(of user: IdentityRecord) -> [Identity] { user.groups.compactMap { identities[$0] } }

    /// The users that are in a group, in no order.
    package func members(of group: UniqueID) -> [Identity] {
        identities(.user).filter { $0.record.groups.contains(group) }
    }

    /// To what a managed policy is attached, and whom it limits, in no order.
    package func attachments(of policy: UniqueID) -> (attached: [Identity], limited: [Identity]) {
        let holders = identities.values
            .filter { $0.record.boundary == policy || $0.record.attachedPolicies.contains(policy) }
        return (
            holders.filter { $0.record.attachedPolicies.contains(policy) },
            holders.filter { $0.record.boundary == policy }
        )
    }

    /// To how many each managed policy is attached, and how many it limits: one look at everybody, for lists of policies.
    func attachmentCounts() -> [UniqueID: AttachmentCounts] {
        var counts: [UniqueID: AttachmentCounts] = [:]
        for record in identities.values.map(\.record) {
            for policy in record.attachedPolicies { counts[policy, default: AttachmentCounts()].attached += 1 }
            if let policy = record.boundary { counts[policy, default: AttachmentCounts()].limited += 1 }
        }
        return counts
    }

    /// How many there are of a kind.
    func count(of kind: UniqueID.Kind) -> Int {
        kind == .policy ? policies.count : identities.keys.count { $0.kind == kind }
    }

    /// The user, group or role of this ARN, byte for byte, as policies are asked about it.
    package func identity(_ kind: UniqueID.Kind, arn: String) -> Identity? {
        let identity = arn.nameInARN.flatMap { self.identity(kind, named: $0) }
        return identity?.arn.isSame(as: arn) == true ? identity : nil
    }

    /// The managed policy of this ARN, byte for byte, as policies are asked about it.
    package func policy(arn: String) -> ManagedPolicy? {
        let policy = arn.nameInARN.flatMap { self.policy(named: $0) }
        return policy?.arn.isSame(as: arn) == true ? policy : nil
    }

    /// The user of this identifier, or a session of the role: how both are called now.
    package func principal(_ id: UniqueID, session: String = "") -> Principal? {
        guard let record = identities[id]?.record else { return nil }
        switch id.kind {
        case .user: return .user(account.id, path: record.path, name: record.name, id: id)
        case .role:
            return .roleSession(account.id, path: record.path, role: record.name, session: session, id: id)
        case .group, .policy: return nil
        }
    }

    // MARK: Policies

    /// What the account says of a user or role: all that is attached to it and to its groups, and its boundary.
    func policies(of id: UniqueID) -> (identity: [IdentityPolicy], boundary: IdentityPolicy?)? {
        guard let identity = identities[id] else { return nil }
        let holders = [identity] + groups(of: identity.record)
        let all = holders.flatMap { $0.inlinePolicies + attachedPolicies(of: $0.record) }
        // A boundary that is gone, which deletion does not admit, would have to limit everything.
        let boundary = identity.record.boundary.map { policy($0)?.policy ?? .nothing }
        return (all, boundary)
    }

    /// The managed policies of these identifiers that there are.
    package func attachedPolicies(of record: IdentityRecord) -> [IdentityPolicy] {
        record.attachedPolicies.compactMap { policies[$0]?.policy }
    }

    // MARK: Changing

    mutating func put(_ identity: Identity) {
        forgetName(of: identity.record.id)
        identities[identity.record.id] = identity
        ids[Name(identity.record.id.kind, identity.record.name)] = identity.record.id
    }

    mutating func put(_ policy: ManagedPolicy) {
        forgetName(of: policy.record.id)
        policies[policy.record.id] = policy
        ids[Name(.policy, policy.record.name)] = policy.record.id
    }

    mutating func put(_ accessKey: AccessKeyRecord) { accessKeys[accessKey.id] = accessKey }

    mutating func remove(_ id: UniqueID) {
        forgetName(of: id)
        identities[id] = nil
        policies[id] = nil
    }

    mutating func removeAccessKey(_ id: String) { accessKeys[id] = nil }

    private mutating func forgetName(of id: UniqueID) {
        if let name = identities[id]?.record.name ?? policies[id]?.record.name { ids[Name(id.kind, name)] = nil }
    }
}

/// How often a managed policy is in use.
struct AttachmentCounts {
    var attached = 0
    /// As a permissions boundary.
    var limited = 0
}

extension String {
    /// What stands behind the last slash of an ARN.
    fileprivate var nameInARN: String? {
        utf8.lastIndex(of: UInt8(ascii: "/")).map { String(self[utf8.index(after: $0)...]) }
    }
}
