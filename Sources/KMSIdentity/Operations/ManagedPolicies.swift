import KMSAccess
import KMSModel

/// Policies that can be attached to any number of users, groups and roles.
enum ManagedPolicyOperations {
    static let all = [create, get, delete, list, listEntities]

    private static let policyUsages = ["PermissionsPolicy", "PermissionsBoundary"]

    private static let create = IdentityOperation(
        "CreatePolicy", taking: ["PolicyName", "Path", "PolicyDocument", "Description", .tags],
        on: IdentityOperation.new(.policy)
    ) { (request, edit) throws(QueryFailure) in
        let name = try request.name(.policy)
        let policy = ManagedPolicyRecord(
            id: try request.makeID(.policy), path: try request.form.path(), name: name,
            description: try request.form.description(), document: try request.managedPolicyDocument(),
            tags: try request.form.tags(), creationDate: request.date
        )
        guard edit.identities.policy(named: name) == nil else {
            throw .alreadyExists("A policy called \(name) already exists. Duplicate names are not allowed.")
        }
        guard edit.identities.count(of: .policy) < IdentityQuota.policies else {
            throw .limitExceeded("Cannot exceed quota for PoliciesPerAccount: \(IdentityQuota.policies)")
        }
        try edit.put(policy)
        return QueryValue(["Policy": try request.answer(edit.identities, policy: policy.id)])
    }

    private static let get = IdentityOperation(
        "GetPolicy", taking: ["PolicyArn"], isReadOnly: true, on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        let policy = try request.existingPolicy(in: edit.identities)
        return QueryValue(["Policy": try request.answer(edit.identities, policy: policy.record.id)])
    }

    private static let delete = IdentityOperation(
        "DeletePolicy", taking: ["PolicyArn"], on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        let policy = try request.existingPolicy(in: edit.identities)
        let (attached, limited) = edit.identities.attachments(of: policy.record.id)
        guard attached.isEmpty, limited.isEmpty else {
            throw .deleteConflict("Cannot delete a policy attached to entities.")
        }
        guard policy.record.versions.count == 1 else {
            throw .deleteConflict(
                "This policy contains more than one version. Before you delete a policy, you must delete the policy's "
                    + "versions. The default version is deleted with the policy.")
        }
        edit.delete(policy.record.id)
        return nil
    }

    private static let list = IdentityOperation(
        "ListPolicies", taking: ["Scope", "OnlyAttached", "PathPrefix", "PolicyUsageFilter"] + FormMember.page,
        isReadOnly: true, on: IdentityOperation.all(.policy)
    ) { (request, edit) throws(QueryFailure) in
        let form = request.form
        let prefix = try form.pathPrefix()
        let isOnlyAttached = try form.flag("OnlyAttached")
        let scope = try form.choice("Scope", ["All", "AWS", "Local"])
        let usage = try form.choice("PolicyUsageFilter", policyUsages)
        let counts = edit.identities.attachmentCounts()
        let policies = edit.identities.managedPolicies.filter { policy in
            let uses = counts[policy.record.id] ?? AttachmentCounts()
            return policy.record.path.hasBytePrefix(prefix) && scope != "AWS"
                && (!isOnlyAttached || uses.attached > 0)
                && (usage != "PermissionsBoundary" || uses.limited > 0)
        }
        return try Page(of: policies, by: \.record.foldedName, form).answer("Policies") { policy in
            request.summary(of: policy, used: counts[policy.record.id] ?? AttachmentCounts())
        }
    }

    private static let listEntities = IdentityOperation(
        "ListEntitiesForPolicy",
        taking: ["PolicyArn", "EntityFilter", "PathPrefix", "PolicyUsageFilter"] + FormMember.page,
        isReadOnly: true, on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        let form = request.form
        let policy = try request.existingPolicy(in: edit.identities)
        let (attached, limited) = edit.identities.attachments(of: policy.record.id)
        let usage = try form.choice("PolicyUsageFilter", policyUsages)
        let filter = try form.choice(
            "EntityFilter", ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"])
        let prefix = try form.pathPrefix()
        let wanted =
            usage == "PermissionsBoundary" ? limited : usage == "PermissionsPolicy" ? attached : attached + limited
        var seen: Set<UniqueID> = []
        let entities = wanted.map(\.record).filter { record in
            (filter == nil || filter == record.id.kind.word) && record.path.hasBytePrefix(prefix)
                && seen.insert(record.id).inserted
        }
        // A user, a group and a role can have one name.
        let page = try Page(of: entities, by: { "\($0.id.kind.word) \($0.foldedName)" }, form)
        return page.answer(
            [UniqueID.Kind.group, .user, .role].map { kind in
                let shown = page.elements.filter { $0.id.kind == kind }.map { record in
                    QueryValue([
                        kind.nameMember: .text(record.name), "\(kind.word)Id": .text(record.id.description),
                    ])
                }
                return QueryValue.Member("Policy\(kind.word)s", .list(shown))
            })
    }
}

extension IdentityOperation {
    /// Asks policies about the managed policy whose ARN the request gives.
    static let policyARN: Resources = { (request, _) throws(QueryFailure) in
        [IdentityResource(try request.policyARN("PolicyArn"))]
    }
}

extension IdentityRequest {
    /// The policy document of a request, as it was given.
    func managedPolicyDocument() throws(QueryFailure) -> String {
        let document = try identityPolicy("PolicyDocument")
        guard document.policySize <= IdentityQuota.managedPolicySize else {
            throw .limitExceeded("Cannot exceed quota for PolicySize: \(IdentityQuota.managedPolicySize)")
        }
        return document
    }

    /// The managed policy that the request names.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `NoSuchEntity`.
    func existingPolicy(in identities: AccountIdentities) throws(QueryFailure) -> ManagedPolicy {
        let arn = try policyARN("PolicyArn")
        guard let policy = identities.policy(arn: arn) else {
            throw .noSuchEntity("Policy \(arn) was not found.")
        }
        return policy
    }

    /// All that Get and Create tell of a managed policy.
    fileprivate func answer(_ identities: AccountIdentities, policy id: UniqueID) throws(QueryFailure) -> QueryValue {
        let (attached, limited) = identities.attachments(of: id)
        let used = AttachmentCounts(attached: attached.count, limited: limited.count)
        guard let policy = identities.policy(id), case .structure(var members) = summary(of: policy, used: used)
        else { throw .unavailable }
        if let description = policy.record.description {
            members.append(QueryValue.Member("Description", .text(description)))
        }
        if !policy.record.tags.isEmpty { members.append(QueryValue.Member("Tags", policy.record.tags.answer)) }
        return .structure(members)
    }

    /// What lists tell of a managed policy.
    fileprivate func summary(of policy: ManagedPolicy, used: AttachmentCounts) -> QueryValue {
        let (record, arn) = (policy.record, policy.arn)
        return QueryValue([
            "PolicyName": .text(record.name), "PolicyId": .text(record.id.description), "Arn": .text(arn),
            "Path": .text(record.path), "DefaultVersionId": .text("v\(record.defaultVersion)"),
            "AttachmentCount": .number(used.attached), "PermissionsBoundaryUsageCount": .number(used.limited),
            "IsAttachable": .flag(true), "CreateDate": record.creationDate.queryText,
            "UpdateDate": record.updateDate.queryText,
        ])
    }
}
