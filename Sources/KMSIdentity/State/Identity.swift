package import KMSAccess
package import KMSModel

/// A user, group or role with its policies prepared for evaluation: made once when it changes.
package final class Identity: Sendable {
    /// What the store holds.
    package let record: IdentityRecord
    /// The account that it is of.
    package let account: AccountID
    /// The inline policies, in their order.
    package let inlinePolicies: [IdentityPolicy]
    /// Who may assume it; nil for users and groups.
    package let trustPolicy: KeyPolicy?

    /// - Throws: ``PolicyFailure`` for a document that is not a policy.
    package init(_ record: IdentityRecord, of account: AccountID) throws(PolicyFailure) {
        self.record = record
        self.account = account
        inlinePolicies = try record.inlinePolicies.map { policy throws(PolicyFailure) in
            IdentityPolicy(
                try PolicyDocument.parse(stored: policy.document, as: .identity),
                label: "the inline policy \(policy.name) of the \(record.id.kind.noun) \(record.name)")
        }
        trustPolicy = try record.role.map { role throws(PolicyFailure) in
            let partition = Partition(rawValue: role.trustPartition) ?? .aws
            return KeyPolicy(try PolicyDocument.parse(stored: role.trustPolicy, as: .trust(partition)))
        }
    }

    /// The ARN, as it is in `partition`.
    package func arn(in partition: Partition) -> String {
        "arn:\(partition.rawValue):iam::\(account):\(record.id.kind.noun)\(record.path)\(record.name)"
    }
}

/// A managed policy with the version that is in force prepared for evaluation.
package final class ManagedPolicy: Sendable {
    /// What the store holds.
    package let record: ManagedPolicyRecord
    /// The account that it is of.
    package let account: AccountID
    /// The version that is in force.
    package let policy: IdentityPolicy

    /// - Throws: ``PolicyFailure`` for a document that is not a policy.
    package init(_ record: ManagedPolicyRecord, of account: AccountID) throws(PolicyFailure) {
        self.record = record
        self.account = account
        guard let version = record.versions.first(where: { $0.number == record.defaultVersion }) else {
            throw .syntax
        }
        policy = IdentityPolicy(
            try PolicyDocument.parse(stored: version.document, as: .identity),
            label: "the managed policy \(record.path)\(record.name), \(version.name)")
    }

    /// The ARN, as it is in `partition`.
    package func arn(in partition: Partition) -> String {
        "arn:\(partition.rawValue):iam::\(account):policy\(record.path)\(record.name)"
    }
}

extension UniqueID.Kind {
    /// What stands in ARNs before the path, and in error texts.
    package var noun: String {
        switch self {
        case .user: "user"
        case .group: "group"
        case .role: "role"
        case .policy: "policy"
        }
    }
}
