/// Somebody who can sign a request, as an ARN names them.
///
/// Source of the forms: IAM User Guide, "IAM identifiers".
package enum Principal: Hashable, Sendable, CustomStringConvertible {
    /// The root user of an account: `arn:<partition>:iam::<account>:root`.
    case root(AccountID)
    /// An IAM user; `path` begins and ends with a slash.
    case user(AccountID, path: String, name: String)
    /// A session of a role, whose ARN leaves the role's path out.
    case roleSession(AccountID, path: String, role: String, session: String)

    /// The account that the principal belongs to.
    package var account: AccountID {
        switch self {
        case .root(let account), .user(let account, _, _), .roleSession(let account, _, _, _): account
        }
    }

    /// The ARN that error texts and audit records show.
    package var description: String { arn(in: .aws) }

    /// The principal's ARN in `partition`.
    package func arn(in partition: Partition) -> String {
        switch self {
        case .root(let account):
            "arn:\(partition.rawValue):iam::\(account):root"
        case .user(let account, let path, let name):
            "arn:\(partition.rawValue):iam::\(account):user\(path)\(name)"
        case .roleSession(let account, _, let role, let session):
            "arn:\(partition.rawValue):sts::\(account):assumed-role/\(role)/\(session)"
        }
    }
}
