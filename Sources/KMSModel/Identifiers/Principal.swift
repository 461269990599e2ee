/// Somebody who can sign a request, as an ARN names them.
///
/// Source of the forms: IAM User Guide, "IAM identifiers".
package enum Principal: Hashable, Sendable, CustomStringConvertible {
    /// The root user of an account: `arn:<partition>:iam::<account>:root`.
    case root(AccountID)
    /// An IAM user; `path` begins and ends with a slash.
    case user(AccountID, path: String, name: String, id: UniqueID)
    /// A session of a role, whose ARN leaves the role's path out; `id` is the role's.
    case roleSession(AccountID, path: String, role: String, session: String, id: UniqueID)

    /// The account that the principal belongs to.
    package var account: AccountID {
        switch self {
        case .root(let account), .user(let account, _, _, _), .roleSession(let account, _, _, _, _): account
        }
    }

    /// The unique identifier of the user or the role; a root user has none.
    package var id: UniqueID? {
        switch self {
        case .root: nil
        case .user(_, _, _, let id), .roleSession(_, _, _, _, let id): id
        }
    }

    /// What STS calls `UserId`, and CloudTrail `principalId`; policies ask for it as `aws:userid`.
    package var userID: String {
        switch self {
        case .root(let account): account.description
        case .user(_, _, _, let id): id.description
        case .roleSession(_, _, _, let session, let id): "\(id):\(session)"
        }
    }

    /// The ARN that error texts and audit records show.
    package var description: String { arn(in: .aws) }

    /// The principal's ARN in `partition`.
    package func arn(in partition: Partition) -> String {
        switch self {
        case .root(let account):
            "arn:\(partition.rawValue):iam::\(account):root"
        case .user(let account, let path, let name, _):
            "arn:\(partition.rawValue):iam::\(account):user\(path)\(name)"
        case .roleSession(let account, _, let role, let session, _):
            "arn:\(partition.rawValue):sts::\(account):assumed-role/\(role)/\(session)"
        }
    }

    /// The ARN that policies know the principal by: of a role session the role's.
    package func policyARN(in partition: Partition) -> String {
        guard case .roleSession(let account, let path, let role, _, _) = self else { return arn(in: partition) }
        return "arn:\(partition.rawValue):iam::\(account):role\(path)\(role)"
    }
}
