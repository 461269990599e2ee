import KMSModel

/// What this server has none of, and clients ask for before they delete a user or a role: they learn that there is none.
enum AbsentFeatures {
    static let all =
        [
            empty("ListInstanceProfilesForRole", "InstanceProfiles", .role),
            empty("ListSSHPublicKeys", "SSHPublicKeys", .user),
            empty("ListMFADevices", "MFADevices", .user),
            empty("ListSigningCertificates", "Certificates", .user),
            empty(
                "ListServiceSpecificCredentials", "ServiceSpecificCredentials", .user,
                and: ["ServiceName", "AllUsers"]),
            virtualDevices,
        ] + ["GetLoginProfile", "DeleteLoginProfile"].map(loginProfile)

    private static func empty(
        _ name: String, _ member: String, _ kind: UniqueID.Kind, and others: [FormMember] = []
    ) -> IdentityOperation {
        let resource = kind == .user ? IdentityOperation.userOrCaller : IdentityOperation.named(kind)
        return IdentityOperation(
            name, taking: [kind.nameField] + others + FormMember.page, isReadOnly: true, on: resource
        ) { (request, edit) throws(QueryFailure) in
            if request.form.optional(kind.nameMember) != nil { _ = try request.existing(kind, in: edit.identities) }
            return QueryValue([member: .list([]), "IsTruncated": .flag(false)])
        }
    }

    private static let virtualDevices = IdentityOperation(
        "ListVirtualMFADevices", taking: ["AssignmentStatus"] + FormMember.page, isReadOnly: true,
        on: { (request, _) throws(QueryFailure) in
            [IdentityResource("arn:\(request.partition.rawValue):iam::\(request.account):mfa/")]
        }
    ) { (_, _) throws(QueryFailure) in QueryValue(["VirtualMFADevices": .list([]), "IsTruncated": .flag(false)]) }

    private static func loginProfile(_ name: String) -> IdentityOperation {
        IdentityOperation(
            name, taking: ["UserName"], isReadOnly: name.hasPrefix("Get"), on: IdentityOperation.userOrCaller
        ) { (request, edit) throws(QueryFailure) in
            let user = try request.userOrCaller(in: edit.identities).record
            throw .noSuchEntity("Login Profile for User \(user.name) cannot be found.")
        }
    }
}
