package import KMSAccess
package import KMSModel

/// A user, group or role with its policies prepared for evaluation: made once when it changes.
package final class Identity: Sendable {
    /// What the store holds.
    package let record: IdentityRecord
    /// The account that it is of.
    package let account: AccountID
    /// The ARN.
    package let arn: String
    /// The inline policies, in their order.
    package let inlinePolicies: [IdentityPolicy]
    /// Who may assume it; nil for users and groups.
    package let trustPolicy: KeyPolicy?

    /// - Throws: ``PolicyFailure`` for a document that is not a policy.
    package init(_ record: IdentityRecord, of account: AccountRecord) throws(PolicyFailure) {
        self.record = record
        self.account = account.id
        arn = account.arn(record.id.kind, path: record.path, record.name)
        inlinePolicies = try record.inlinePolicies.map { policy throws(PolicyFailure) in
            IdentityPolicy(
                try PolicyDocument.parse(stored: policy.document, as: .identity),
                label: "the inline policy \(policy.name) of the \(record.id.kind.noun) \(record.name)")
        }
        trustPolicy = try record.role.map { role throws(PolicyFailure) in
            KeyPolicy(try PolicyDocument.parse(storedTrustPolicy: role.trustPolicy, of: account))
        }
    }
}

/// A managed policy with the version that is in force prepared for evaluation.
package final class ManagedPolicy: Sendable {
    /// What the store holds.
    package let record: ManagedPolicyRecord
    /// The ARN.
    package let arn: String
    /// The version that is in force.
    package let policy: IdentityPolicy

    /// - Throws: ``PolicyFailure`` for a document that is not a policy.
    package init(_ record: ManagedPolicyRecord, of account: AccountRecord) throws(PolicyFailure) {
        self.record = record
        arn = account.arn(.policy, path: record.path, record.name)
        guard let version = record.versions.first(where: { $0.number == record.defaultVersion }) else {
            throw .syntax
        }
        policy = IdentityPolicy(
            try PolicyDocument.parse(stored: version.document, as: .identity),
            label: "the managed policy \(record.path)\(record.name), \(version.name)")
    }
}

extension PolicyDocument {
    /// A trust policy as the store has it: those of before accounts had a partition may name ARNs of another one.
    ///
    /// - Throws: ``PolicyFailure``.
    fileprivate static func parse(
        storedTrustPolicy text: String, of account: AccountRecord
    ) throws(PolicyFailure) -> PolicyDocument {
        do throws(PolicyFailure) {
            return try parse(stored: text, as: .trust(account.partition))
        } catch {
            for partition in Partition.allCases where partition != account.partition {
                if let document = try? parse(stored: text, as: .trust(partition)) { return document }
            }
            throw error
        }
    }
}

extension AccountRecord {
    /// The ARN of something of this account.
    func arn(_ kind: UniqueID.Kind, path: String, _ name: String) -> String {
        kind.arn(in: partition, of: id, path: path, name)
    }
}

extension UniqueID.Kind {
    /// The ARN of something of this kind, whether it exists or not.
    func arn(in partition: Partition, of account: AccountID, path: String, _ name: String) -> String {
        "arn:\(partition.rawValue):iam::\(account):\(noun)\(path)\(name)"
    }

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
