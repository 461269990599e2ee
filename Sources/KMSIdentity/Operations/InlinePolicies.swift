import KMSAccess
import KMSModel

/// Policies that belong to one user, group or role.
enum InlinePolicyOperations {
    static let all = [UniqueID.Kind.user, .group, .role].flatMap { kind in
        [put(kind), get(kind), delete(kind), list(kind)]
    }

    private static func put(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "Put\(kind.word)Policy", taking: [kind.nameField, "PolicyName", "PolicyDocument"],
            on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            let policy = InlinePolicy(
                name: try request.form.name("PolicyName", longest: 128),
                document: try request.identityPolicy("PolicyDocument"))
            owner.inlinePolicies.removeAll { $0.name == policy.name }
            owner.inlinePolicies.append(policy)
            owner.inlinePolicies.sort { $0.name < $1.name }
            let quota = IdentityQuota.inlinePolicySize(kind)
            guard owner.inlinePolicies.reduce(0, { $0 + $1.document.policySize }) <= quota else {
                throw .limitExceeded("Maximum policy size of \(quota) bytes exceeded for \(kind.noun) \(owner.name)")
            }
            try edit.put(owner)
            return nil
        }
    }

    private static func get(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "Get\(kind.word)Policy", taking: [kind.nameField, "PolicyName"], isReadOnly: true,
            on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            let owner = try request.existing(kind, in: edit.identities).record
            let policy = try request.inlinePolicy(of: owner)
            return QueryValue([
                kind.nameMember: .text(owner.name), "PolicyName": .text(policy.name),
                "PolicyDocument": .document(policy.document),
            ])
        }
    }

    private static func delete(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "Delete\(kind.word)Policy", taking: [kind.nameField, "PolicyName"], on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            let policy = try request.inlinePolicy(of: owner)
            owner.inlinePolicies.removeAll { $0.name == policy.name }
            try edit.put(owner)
            return nil
        }
    }

    private static func list(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation(
            "List\(kind.word)Policies", taking: [kind.nameField] + FormMember.page, isReadOnly: true,
            on: IdentityOperation.named(kind)
        ) { (request, edit) throws(QueryFailure) in
            let owner = try request.existing(kind, in: edit.identities).record
            // Names that differ in case alone are names of two policies.
            return try Page(of: owner.inlinePolicies.map(\.name), by: { "\($0.lowercased()) \($0)" }, request.form)
                .answer("PolicyNames") { .text($0) }
        }
    }
}

extension IdentityRequest {
    /// The inline policy that the request names.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `NoSuchEntity`.
    fileprivate func inlinePolicy(of owner: IdentityRecord) throws(QueryFailure) -> InlinePolicy {
        let name = try form.name("PolicyName", longest: 128)
        guard let policy = owner.inlinePolicies.first(where: { $0.name == name }) else {
            throw .noSuchEntity("The \(owner.id.kind.noun) policy with name \(name) cannot be found.")
        }
        return policy
    }

    /// A policy of the request that is about whoever has it, as it was given.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `MalformedPolicyDocument`.
    func identityPolicy(_ member: String) throws(QueryFailure) -> String {
        let text = try form.required(member)
        do throws(PolicyFailure) {
            _ = try PolicyDocument.parse(identityPolicy: text)
            return text
        } catch {
            throw refusal(error, of: member)
        }
    }

    /// What a caller learns of a policy that is not accepted.
    func refusal(_ failure: PolicyFailure, of member: String) -> QueryFailure {
        guard failure == .invalidCharacter else { return QueryFailure(failure) }
        return form.broken(
            member, #"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+"#)
    }
}
