import KMSAccess
import KMSModel

/// Users: whoever signs with long-term credentials of their own.
enum UserOperations {
    static let all = [create, get, update, delete, list, listGroups]

    private static let create = IdentityOperation(
        "CreateUser", taking: ["UserName", "Path", "PermissionsBoundary", .tags], on: IdentityOperation.new(.user)
    ) { (request, edit) throws(QueryFailure) in
        let name = try request.name(.user)
        let (path, tags) = (try request.form.path(), try request.form.tags())
        try edit.identities.checkRoom(for: name, .user)
        var user = IdentityRecord(
            id: try request.makeID(.user), path: path, name: name, creationDate: request.date)
        user.tags = tags
        user.boundary = try request.boundary(in: edit.identities)
        try edit.put(user)
        return QueryValue(["User": try request.answer(edit.identities, user.id)])
    }

    private static let get = IdentityOperation(
        "GetUser", taking: ["UserName"], isReadOnly: true, on: IdentityOperation.userOrCaller
    ) { (request, edit) throws(QueryFailure) in
        if request.form.optional("UserName") == nil, case .root(let account) = request.caller.principal {
            return QueryValue([
                "User": QueryValue([
                    "UserId": .text(account.description),
                    "Arn": .text(request.caller.principal.arn(in: request.partition)),
                    "CreateDate": edit.identities.account.creationDate.queryText,
                ])
            ])
        }
        let user = try request.userOrCaller(in: edit.identities)
        return QueryValue(["User": try request.answer(edit.identities, user.record.id)])
    }

    private static let update = IdentityOperation(
        "UpdateUser", taking: ["UserName", "NewUserName", "NewPath"], on: IdentityOperation.renamed(.user)
    ) { (request, edit) throws(QueryFailure) in
        var user = try request.existing(.user, in: edit.identities).record
        try request.rename(&user, in: edit.identities)
        try edit.put(user)
        return nil
    }

    private static let delete = IdentityOperation(
        "DeleteUser", taking: ["UserName"], on: IdentityOperation.named(.user)
    ) { (request, edit) throws(QueryFailure) in
        let user = try request.existing(.user, in: edit.identities).record
        guard edit.identities.accessKeys(of: user.id).isEmpty else {
            throw .deleteConflict("Cannot delete entity, must delete access keys first.")
        }
        try user.checkHasNoPolicies()
        guard user.groups.isEmpty else {
            throw .deleteConflict("Cannot delete entity, must remove users from group first.")
        }
        edit.delete(user.id)
        return nil
    }

    private static let list = IdentityOperation(
        "ListUsers", taking: ["PathPrefix"] + FormMember.page, isReadOnly: true, on: IdentityOperation.all(.user)
    ) { (request, edit) throws(QueryFailure) in
        try request.page(of: .user, in: edit.identities) { $0.summary }
    }

    private static let listGroups = IdentityOperation(
        "ListGroupsForUser", taking: ["UserName"] + FormMember.page, isReadOnly: true,
        on: IdentityOperation.named(.user)
    ) { (request, edit) throws(QueryFailure) in
        let user = try request.existing(.user, in: edit.identities).record
        return try Page(of: edit.identities.groups(of: user), by: \.record.foldedName, request.form)
            .answer("Groups") { $0.summary }
    }
}

extension IdentityRecord {
    /// Refuses the deletion of what still has policies.
    func checkHasNoPolicies() throws(QueryFailure) {
        guard inlinePolicies.isEmpty else { throw .deleteConflict("Cannot delete entity, must delete policies first.") }
        guard attachedPolicies.isEmpty else {
            throw .deleteConflict("Cannot delete entity, must detach all policies first.")
        }
    }
}

extension IdentityRequest {
    /// Gives a user or group the name and the path that the request has for it; the unique identifier stays.
    func rename(_ record: inout IdentityRecord, in identities: AccountIdentities) throws(QueryFailure) {
        let kind = record.id.kind
        if let name = try newName(kind) {
            if let other = identities.identity(kind, named: name), other.record.id != record.id {
                throw .alreadyExists("\(kind.word) with name \(name) already exists.")
            }
            record.name = name
        }
        if let path = try newPath() { record.path = path }
    }

    /// The name that a user or group is to have from now on.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func newName(_ kind: UniqueID.Kind) throws(QueryFailure) -> String? {
        try form.optionalName("New\(kind.nameMember)", longest: kind.longestName)
    }

    /// The path that a user or group is to have from now on.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func newPath() throws(QueryFailure) -> String? {
        form.has("NewPath") ? try form.path("NewPath") : nil
    }

    /// The page of all of a kind whose path begins as the request says.
    func page(
        of kind: UniqueID.Kind, in identities: AccountIdentities, _ show: (Identity) -> QueryValue
    ) throws(QueryFailure) -> QueryValue {
        let prefix = try form.pathPrefix()
        let all = identities.identities(kind).filter { $0.record.path.hasBytePrefix(prefix) }
        return try Page(of: all, by: \.record.foldedName, form).answer("\(kind.word)s", show)
    }

    /// All that Get and Create tell of a user, group or role.
    func answer(_ identities: AccountIdentities, _ id: UniqueID) throws(QueryFailure) -> QueryValue {
        guard let identity = identities.identity(id), case .structure(var members) = identity.summary else {
            throw .unavailable
        }
        if let boundary = identity.record.boundary.flatMap({ identities.policy($0) }) {
            members.append(
                QueryValue.Member(
                    "PermissionsBoundary",
                    QueryValue([
                        "PermissionsBoundaryType": .text("Policy"),
                        "PermissionsBoundaryArn": .text(boundary.arn),
                    ])))
        }
        if !identity.record.tags.isEmpty {
            members.append(QueryValue.Member("Tags", identity.record.tags.answer))
        }
        return .structure(members)
    }
}

extension Identity {
    /// What lists tell of a user, group or role.
    var summary: QueryValue {
        let word = record.id.kind.word
        var members = [
            QueryValue.Member("Path", .text(record.path)), QueryValue.Member("\(word)Name", .text(record.name)),
            QueryValue.Member("\(word)Id", .text(record.id.description)),
            QueryValue.Member("Arn", .text(arn)),
            QueryValue.Member("CreateDate", record.creationDate.queryText),
        ]
        if let role = record.role {
            if let description = role.description {
                members.append(QueryValue.Member("Description", .text(description)))
            }
            members.append(QueryValue.Member("MaxSessionDuration", .number(role.maxSessionDuration)))
        }
        return .structure(members)
    }
}
