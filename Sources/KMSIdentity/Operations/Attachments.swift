import KMSAccess
import KMSModel

/// Managed policies that users, groups and roles have.
enum AttachmentOperations {
    static let all = [UniqueID.Kind.user, .group, .role].flatMap { kind in [attach(kind), detach(kind), list(kind)] }

    private static func attach(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "Attach\(kind.word)Policy", taking: [kind.nameField, "PolicyArn"], on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            let policy = try request.attachablePolicy("PolicyArn", in: edit.identities)
            guard !owner.attachedPolicies.contains(policy.record.id) else { return nil }
            guard owner.attachedPolicies.count < IdentityQuota.attachedPolicies else {
                throw .limitExceeded(
                    "Cannot exceed quota for PoliciesPer\(kind.word): \(IdentityQuota.attachedPolicies)")
            }
            owner.attachedPolicies.append(policy.record.id)
            try edit.put(owner)
            return nil
        }
    }

    private static func detach(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "Detach\(kind.word)Policy", taking: [kind.nameField, "PolicyArn"], on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            let arn = try request.policyARN("PolicyArn")
            guard let policy = edit.identities.policy(arn: arn),
                owner.attachedPolicies.contains(policy.record.id)
            else { throw .noSuchEntity("Policy \(arn) was not found.") }
            owner.attachedPolicies.removeAll { $0 == policy.record.id }
            try edit.put(owner)
            return nil
        }
    }

    private static func list(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "ListAttached\(kind.word)Policies", taking: [kind.nameField, "PathPrefix"] + FormMember.page,
            isReadOnly: true, on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            let owner = try request.existing(kind, in: edit.identities).record
            let prefix = try request.form.pathPrefix()
            let policies = owner.attachedPolicies.compactMap { edit.identities.policy($0) }
                .filter { $0.record.path.hasBytePrefix(prefix) }
            return try Page(of: policies, by: \.record.foldedName, request.form).answer("AttachedPolicies") { policy in
                QueryValue([
                    "PolicyName": .text(policy.record.name), "PolicyArn": .text(policy.arn),
                ])
            }
        }
    }
}

/// Managed policies that limit users and roles.
enum BoundaryOperations {
    static let all = [UniqueID.Kind.user, .role].flatMap { kind in [put(kind), delete(kind)] }

    private static func put(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "Put\(kind.word)PermissionsBoundary", taking: [kind.nameField, "PermissionsBoundary"],
            on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            guard let boundary = try request.boundary(in: edit.identities) else {
                throw request.form.broken("PermissionsBoundary", "Member must not be null")
            }
            owner.boundary = boundary
            try edit.put(owner)
            return nil
        }
    }

    private static func delete(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "Delete\(kind.word)PermissionsBoundary", taking: [kind.nameField], on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            guard owner.boundary != nil else {
                throw .noSuchEntity("\(kind.word) \(owner.name) does not have a permissions boundary.")
            }
            owner.boundary = nil
            try edit.put(owner)
            return nil
        }
    }
}

extension IdentityRequest {
    /// The managed policy that the request gives as a boundary, if it gives one.
    func boundary(in identities: AccountIdentities) throws(QueryFailure) -> UniqueID? {
        guard form.optional("PermissionsBoundary") != nil else { return nil }
        return try attachablePolicy("PermissionsBoundary", in: identities).record.id
    }

    /// The policy that a request wants to attach.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `NoSuchEntity`.
    fileprivate func attachablePolicy(
        _ member: String, in identities: AccountIdentities
    ) throws(QueryFailure) -> ManagedPolicy {
        let arn = try policyARN(member)
        guard let policy = identities.policy(arn: arn) else {
            throw .noSuchEntity("Policy \(arn) does not exist or is not attachable.")
        }
        return policy
    }

    /// The ARN of a policy that the request gives.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func policyARN(_ member: String) throws(QueryFailure) -> String {
        let arn = try form.required(member, count: 20...2048)
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[3].isEmpty,
            parts[5].hasBytePrefix("policy/"), arn.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw QueryFailure("ValidationError", "Invalid ARN:  Could not be parsed!") }
        return arn
    }
}
