import KMSModel

/// What a form of a user's, group's, role's or managed policy's page can do; a form has a field called like it.
enum AccessChange: String, CaseIterable {
    case attach, detach, join, leave
    case createKey = "create-key"
    case activate, deactivate
    case deleteKey = "delete-key"
    case boundary
    case removeBoundary = "remove-boundary"
    case trust, settings
    case document
    case makeDefault = "make-default"
    case deleteVersion = "delete-version"
    case tag, untag, delete

    /// An operation of IAM with its members, and what is said when it was done.
    struct Call {
        let action: String
        let members: [String: String]
        let notice: String

        fileprivate init(_ action: String, _ members: [String: String], _ notice: String) {
            self.action = action
            self.members = members
            self.notice = notice
        }
    }

    /// The change that the form is about.
    static func of(_ form: FormFields) -> Self? { allCases.first { form.has($0.rawValue) } }

    /// The call that makes the change.
    func call(on subject: AccessSubject, _ form: FormFields) -> Call {
        let word = subject.kind.word
        // Policies stay as they are typed, and a key of a tag may begin with white space.
        let isExact = self == .trust || self == .document || self == .untag
        let value = (isExact ? form[rawValue] : form.text(rawValue)) ?? ""
        func call(_ action: String, _ more: KeyValuePairs<String, String?>, _ notice: String) -> Call {
            var members = subject.members
            for (name, value) in more { members[name] = value }
            return Call(action, members, notice)
        }
        switch self {
        case .attach: return call("Attach\(word)Policy", ["PolicyArn": value], "The policy was attached.")
        case .detach: return call("Detach\(word)Policy", ["PolicyArn": value], "The policy was detached.")
        case .join: return call("AddUserToGroup", Self.other(subject, value), "The user was added to the group.")
        case .leave:
            return call("RemoveUserFromGroup", Self.other(subject, value), "The user was removed from the group.")
        case .createKey: return call("CreateAccessKey", [:], "The access key was created.")
        case .activate, .deactivate:
            let status = self == .activate ? "Active" : "Inactive"
            return call(
                "UpdateAccessKey", ["AccessKeyId": value, "Status": status],
                "The access key \(value) is \(status.lowercased()).")
        case .deleteKey:
            return call("DeleteAccessKey", ["AccessKeyId": value], "The access key \(value) was deleted.")
        case .boundary:
            return call(
                "Put\(word)PermissionsBoundary", ["PermissionsBoundary": value], "The permissions boundary was set.")
        case .removeBoundary:
            return call("Delete\(word)PermissionsBoundary", [:], "The permissions boundary was removed.")
        case .trust: return call("UpdateAssumeRolePolicy", ["PolicyDocument": value], "The trust policy was saved.")
        case .settings:
            return call(
                "UpdateRole",
                ["Description": form["description"] ?? "", "MaxSessionDuration": form.text("duration")],
                "The role was changed.")
        case .document:
            return call(
                "CreatePolicyVersion",
                ["PolicyDocument": value, "SetAsDefault": form.has("as-default") ? "true" : "false"],
                "The new version was saved.")
        case .makeDefault:
            return call("SetDefaultPolicyVersion", ["VersionId": value], "Version \(value) is now in force.")
        case .deleteVersion:
            return call("DeletePolicyVersion", ["VersionId": value], "Version \(value) was deleted.")
        case .tag:
            return call(
                "Tag\(word)",
                ["Tags.member.1.Key": value, "Tags.member.1.Value": form.text("tag-value") ?? ""], "The tag was set.")
        case .untag: return call("Untag\(word)", ["TagKeys.member.1": value], "The tag was removed.")
        case .delete: return call("Delete\(word)", [:], "The \(subject.kind.rawValue) was deleted.")
        }
    }

    /// The group of a user, or the user of a group.
    private static func other(_ subject: AccessSubject, _ name: String) -> KeyValuePairs<String, String?> {
        subject.kind == .group ? ["UserName": name] : ["GroupName": name]
    }
}
