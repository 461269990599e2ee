import KMSAccess
import KMSModel

/// Groups: users that have policies in common.
enum GroupOperations {
    static let all = [create, get, update, delete, list, addUser, removeUser]

    private static let create = IdentityOperation(
        "CreateGroup", taking: ["GroupName", "Path"], on: IdentityOperation.new(.group)
    ) { (request, edit) throws(QueryFailure) in
        let name = try request.name(.group)
        let path = try request.form.path()
        try edit.identities.checkRoom(for: name, .group)
        let group = IdentityRecord(
            id: try request.makeID(.group), path: path, name: name, creationDate: request.date)
        try edit.put(group)
        return QueryValue(["Group": try request.answer(edit.identities, group.id)])
    }

    private static let get = IdentityOperation(
        "GetGroup", taking: ["GroupName"] + FormMember.page, isReadOnly: true, on: IdentityOperation.named(.group)
    ) { (request, edit) throws(QueryFailure) in
        let group = try request.existing(.group, in: edit.identities).record
        let members = edit.identities.members(of: group.id)
        let shown = QueryValue.Member("Group", try request.answer(edit.identities, group.id))
        return try Page(of: members, by: \.record.foldedName, request.form)
            .answer("Users", and: [shown]) { $0.summary }
    }

    private static let update = IdentityOperation(
        "UpdateGroup", taking: ["GroupName", "NewGroupName", "NewPath"], on: IdentityOperation.renamed(.group)
    ) { (request, edit) throws(QueryFailure) in
        var group = try request.existing(.group, in: edit.identities).record
        try request.rename(&group, in: edit.identities)
        try edit.put(group)
        return nil
    }

    private static let delete = IdentityOperation(
        "DeleteGroup", taking: ["GroupName"], on: IdentityOperation.named(.group)
    ) { (request, edit) throws(QueryFailure) in
        let group = try request.existing(.group, in: edit.identities).record
        guard edit.identities.members(of: group.id).isEmpty else {
            throw .deleteConflict("Cannot delete entity, must remove users from group first.")
        }
        try group.checkHasNoPolicies()
        edit.delete(group.id)
        return nil
    }

    private static let list = IdentityOperation(
        "ListGroups", taking: ["PathPrefix"] + FormMember.page, isReadOnly: true, on: IdentityOperation.all(.group)
    ) { (request, edit) throws(QueryFailure) in
        try request.page(of: .group, in: edit.identities) { $0.summary }
    }

    private static let addUser = IdentityOperation(
        "AddUserToGroup", taking: ["GroupName", "UserName"], on: IdentityOperation.named(.group)
    ) { (request, edit) throws(QueryFailure) in
        let group = try request.existing(.group, in: edit.identities).record
        var user = try request.existing(.user, in: edit.identities).record
        guard !user.groups.contains(group.id) else { return nil }
        guard user.groups.count < IdentityQuota.groupsPerUser else {
            throw .limitExceeded("Cannot exceed quota for GroupsPerUser: \(IdentityQuota.groupsPerUser)")
        }
        user.groups.append(group.id)
        try edit.put(user)
        return nil
    }

    private static let removeUser = IdentityOperation(
        "RemoveUserFromGroup", taking: ["GroupName", "UserName"], on: IdentityOperation.named(.group)
    ) { (request, edit) throws(QueryFailure) in
        let group = try request.existing(.group, in: edit.identities).record
        var user = try request.existing(.user, in: edit.identities).record
        guard user.groups.contains(group.id) else {
            throw .noSuchEntity("The user with name \(user.name) is not in the group with name \(group.name).")
        }
        user.groups.removeAll { $0 == group.id }
        try edit.put(user)
        return nil
    }
}
