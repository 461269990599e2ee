import KMSAccess
import KMSModel

extension Caller {
    /// Writes the members of `userIdentity`.
    ///
    /// Source: CloudTrail User Guide, "CloudTrail userIdentity element".
    func write(identityTo writer: inout JSONWriter) {
        writer.raw(
            members: record {
                var writer = JSONWriter()
                write(membersTo: &writer)
                return writer.bytes
            })
    }

    private func write(membersTo writer: inout JSONWriter) {
        switch principal {
        case .root: writer.member("type", "Root")
        case .user: writer.member("type", "IAMUser")
        case .roleSession: writer.member("type", "AssumedRole")
        }
        writer.member("principalId", principal.userID)
        writer.member("arn", principal.arn(in: partition))
        writer.member("accountId", principal.account.description)
        writer.member("accessKeyId", accessKeyID)
        if case .user(_, _, let name, _) = principal { writer.member("userName", name) }
        if let session { write(session, to: &writer) }
    }

    private func write(_ session: Session, to writer: inout JSONWriter) {
        writer.name("sessionContext")
        writer.object { writer in
            if case .roleSession(let account, _, let role, _, let id) = principal {
                writer.name("sessionIssuer")
                writer.object { writer in
                    writer.member("type", "Role")
                    writer.member("principalId", id.description)
                    writer.member("arn", principal.policyARN(in: partition))
                    writer.member("accountId", account.description)
                    writer.member("userName", role)
                }
            }
            writer.name("attributes")
            writer.object { writer in
                writer.member("creationDate", UTCTime(session.record.issueDate).iso8601)
                writer.member("mfaAuthenticated", "false")
            }
            if let source = session.record.sourceIdentity { writer.member("sourceIdentity", source) }
        }
    }
}
