import KMSModel

/// The texts that a managed policy has had, of which one is in force.
enum PolicyVersionOperations {
    static let all = [create, get, list, delete, setDefault]

    private static let create = IdentityOperation(
        "CreatePolicyVersion", taking: ["PolicyArn", "PolicyDocument", "SetAsDefault"], on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        var policy = try request.existingPolicy(in: edit.identities).record
        let document = try request.managedPolicyDocument()
        guard policy.versions.count < IdentityQuota.versionsPerPolicy else {
            throw .limitExceeded(
                "A managed policy can have up to \(IdentityQuota.versionsPerPolicy) versions. Before you create a new "
                    + "version, you must delete an existing version.")
        }
        policy.lastVersion += 1
        let version = ManagedPolicyRecord.Version(
            number: policy.lastVersion, document: document, creationDate: request.date)
        policy.versions.append(version)
        if try request.form.flag("SetAsDefault") { policy.defaultVersion = version.number }
        policy.updateDate = request.date
        try edit.put(policy)
        return QueryValue(["PolicyVersion": version.summary(of: policy)])
    }

    private static let get = IdentityOperation(
        "GetPolicyVersion", taking: ["PolicyArn", "VersionId"], isReadOnly: true, on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        let policy = try request.existingPolicy(in: edit.identities).record
        let version = try request.version(of: policy)
        guard case .structure(let members) = version.summary(of: policy) else { throw .unavailable }
        let document = QueryValue.Member("Document", .document(version.document))
        return QueryValue(["PolicyVersion": .structure([document] + members)])
    }

    private static let list = IdentityOperation(
        "ListPolicyVersions", taking: ["PolicyArn"] + FormMember.page, isReadOnly: true, on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        let policy = try request.existingPolicy(in: edit.identities).record
        // Newest first: what is left of a great number has as many digits as any other.
        let order = { (version: ManagedPolicyRecord.Version) in String(2_000_000_000 - version.number) }
        return try Page(of: policy.versions, by: order, request.form)
            .answer("Versions") { $0.summary(of: policy) }
    }

    private static let delete = IdentityOperation(
        "DeletePolicyVersion", taking: ["PolicyArn", "VersionId"], on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        var policy = try request.existingPolicy(in: edit.identities).record
        let version = try request.version(of: policy)
        guard version.number != policy.defaultVersion else {
            throw .deleteConflict("Cannot delete the default version of a policy.")
        }
        policy.versions.removeAll { $0.number == version.number }
        policy.updateDate = request.date
        try edit.put(policy)
        return nil
    }

    private static let setDefault = IdentityOperation(
        "SetDefaultPolicyVersion", taking: ["PolicyArn", "VersionId"], on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        var policy = try request.existingPolicy(in: edit.identities).record
        policy.defaultVersion = try request.version(of: policy).number
        policy.updateDate = request.date
        try edit.put(policy)
        return nil
    }
}

extension IdentityRequest {
    /// The version that the request names.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `NoSuchEntity`.
    fileprivate func version(of policy: ManagedPolicyRecord) throws(QueryFailure) -> ManagedPolicyRecord.Version {
        let name = try form.required("VersionId", count: 1...64)
        guard let version = policy.versions.first(where: { $0.name == name }) else {
            throw .noSuchEntity(
                "Policy \(try policyARN("PolicyArn")) version \(name) does not exist or is not attachable.")
        }
        return version
    }
}

extension ManagedPolicyRecord.Version {
    /// What is told of a version beside its text.
    fileprivate func summary(of policy: ManagedPolicyRecord) -> QueryValue {
        QueryValue([
            "VersionId": .text(name), "IsDefaultVersion": .flag(number == policy.defaultVersion),
            "CreateDate": creationDate.queryText,
        ])
    }
}
