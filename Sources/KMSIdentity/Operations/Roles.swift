import KMSAccess
import KMSModel

/// Roles: permissions that others take on for a while.
enum RoleOperations {
    static let all = [create, get, update, updateDescription, updateTrust, delete, list]

    /// How long a session may last, in seconds (IAM API Reference, CreateRole).
    private static let sessionDurations = 3600...43_200

    private static let create = IdentityOperation(
        "CreateRole",
        taking: [
            "RoleName", "Path", "AssumeRolePolicyDocument", "Description", "MaxSessionDuration", "PermissionsBoundary",
            .tags,
        ],
        on: IdentityOperation.new(.role)
    ) { (request, edit) throws(QueryFailure) in
        let form = request.form
        let name = try request.name(.role)
        let (path, tags) = (try form.path(), try form.tags())
        try edit.identities.checkRoom(for: name, .role)
        var role = IdentityRecord(id: try request.makeID(.role), path: path, name: name, creationDate: request.date)
        role.tags = tags
        role.role = IdentityRecord.RoleDetails(
            trustPolicy: try request.trustPolicy("AssumeRolePolicyDocument"),
            description: try form.description(),
            maxSessionDuration: try form.number("MaxSessionDuration", in: sessionDurations)
                ?? sessionDurations.lowerBound
        )
        role.boundary = try request.boundary(in: edit.identities)
        try edit.put(role)
        guard case .structure(let members) = try request.roleAnswer(edit.identities, role.id) else {
            throw .unavailable
        }
        // AWS leaves it out of this answer.
        return QueryValue(["Role": .structure(members.filter { $0.name != "MaxSessionDuration" })])
    }

    private static let get = IdentityOperation(
        "GetRole", taking: ["RoleName"], isReadOnly: true, on: IdentityOperation.named(.role)
    ) { (request, edit) throws(QueryFailure) in
        let role = try request.existing(.role, in: edit.identities).record
        return QueryValue(["Role": try request.roleAnswer(edit.identities, role.id)])
    }

    private static let update = IdentityOperation(
        "UpdateRole", taking: ["RoleName", "Description", "MaxSessionDuration"], on: IdentityOperation.named(.role)
    ) { (request, edit) throws(QueryFailure) in
        var role = try request.existing(.role, in: edit.identities).record
        if let description = try request.form.description() { role.role?.description = description }
        if let duration = try request.form.number("MaxSessionDuration", in: sessionDurations) {
            role.role?.maxSessionDuration = duration
        }
        try edit.put(role)
        return .structure([])
    }

    private static let updateDescription = IdentityOperation(
        "UpdateRoleDescription", taking: ["RoleName", "Description"], on: IdentityOperation.named(.role)
    ) { (request, edit) throws(QueryFailure) in
        var role = try request.existing(.role, in: edit.identities).record
        guard let description = try request.form.description() else {
            throw request.form.broken("Description", "Member must not be null")
        }
        role.role?.description = description
        try edit.put(role)
        return QueryValue(["Role": try request.roleAnswer(edit.identities, role.id)])
    }

    private static let updateTrust = IdentityOperation(
        "UpdateAssumeRolePolicy", taking: ["RoleName", "PolicyDocument"], on: IdentityOperation.named(.role)
    ) { (request, edit) throws(QueryFailure) in
        var role = try request.existing(.role, in: edit.identities).record
        role.role?.trustPolicy = try request.trustPolicy("PolicyDocument")
        try edit.put(role)
        return nil
    }

    private static let delete = IdentityOperation(
        "DeleteRole", taking: ["RoleName"], on: IdentityOperation.named(.role)
    ) { (request, edit) throws(QueryFailure) in
        let role = try request.existing(.role, in: edit.identities).record
        try role.checkHasNoPolicies()
        edit.delete(role.id)
        return nil
    }

    private static let list = IdentityOperation(
        "ListRoles", taking: ["PathPrefix"] + FormMember.page, isReadOnly: true, on: IdentityOperation.all(.role)
    ) { (request, edit) throws(QueryFailure) in
        try request.page(of: .role, in: edit.identities) { request.withTrustPolicy($0) }
    }
}

extension IdentityRequest {
    /// A trust policy of the request, with users and roles by their unique identifiers.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `MalformedPolicyDocument`, `LimitExceeded`.
    fileprivate func trustPolicy(_ member: String) throws(QueryFailure) -> String {
        let text = try form.required(member)
        let document: PolicyDocument
        do throws(PolicyFailure) {
            document = try PolicyDocument.parse(text, as: .trust(partition))
        } catch {
            if error == .syntax, (try? JSONParser.parse(text.utf8, refusingDuplicates: true)) == nil {
                throw QueryFailure("MalformedPolicyDocument", "This policy contains invalid Json")
            }
            throw refusal(error, of: member)
        }
        guard text.policySize <= IdentityQuota.trustPolicySize else {
            throw .limitExceeded("Cannot exceed quota for ACLSizePerRole: \(IdentityQuota.trustPolicySize)")
        }
        for principal in document.statements.flatMap({ $0.principals?.elements ?? [] })
        where !principal.canBeNamed(in: directory) {
            throw QueryFailure(.unknownPrincipal(principal.text(in: partition)))
        }
        return PolicyText.compact(document.bound(in: directory, partition: partition))
    }

    /// All that Get and Create tell of a role.
    fileprivate func roleAnswer(_ identities: AccountIdentities, _ id: UniqueID) throws(QueryFailure) -> QueryValue {
        guard case .structure(let members) = try answer(identities, id), let role = identities.identity(id) else {
            throw .unavailable
        }
        return .structure(members + trust(of: role))
    }

    fileprivate func withTrustPolicy(_ role: Identity) -> QueryValue {
        guard case .structure(let members) = role.summary else { return .structure([]) }
        return .structure(members + trust(of: role))
    }

    private func trust(of role: Identity) -> [QueryValue.Member] {
        guard let stored = role.record.role?.trustPolicy, let value = try? JSONParser.parse(stored.utf8) else {
            return []
        }
        let shown = PolicyDocument.unbound(value, in: directory, partition: partition)
        return [QueryValue.Member("AssumeRolePolicyDocument", .document(PolicyText.compact(shown)))]
    }
}
