import KMSModel

/// Labels on users, roles and managed policies, which conditions can ask for.
enum TagOperations {
    static let all =
        [UniqueID.Kind.user, .role].flatMap { kind in [tag(kind), untag(kind), list(kind)] }
        + [tagPolicy, untagPolicy, listPolicyTags]

    private static func tag(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation("Tag\(kind.word)", on: IdentityOperation.named(kind)) {
            (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            owner.tags = try request.tagging(owner.tags)
            try edit.put(owner)
            return nil
        }
    }

    private static func untag(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation("Untag\(kind.word)", on: IdentityOperation.named(kind)) {
            (request, edit) throws(QueryFailure) in
            var owner = try request.existing(kind, in: edit.identities).record
            owner.tags = try request.untagging(owner.tags)
            try edit.put(owner)
            return nil
        }
    }

    private static func list(_ kind: UniqueID.Kind) -> IdentityOperation {
        IdentityOperation("List\(kind.word)Tags", isReadOnly: true, on: IdentityOperation.named(kind)) {
            (request, edit) throws(QueryFailure) in
            try request.page(of: try request.existing(kind, in: edit.identities).record.tags)
        }
    }

    private static let tagPolicy = IdentityOperation("TagPolicy", on: IdentityOperation.policyARN) {
        (request, edit) throws(QueryFailure) in
        var policy = try request.existingPolicy(in: edit.identities).record
        policy.tags = try request.tagging(policy.tags)
        try edit.put(policy)
        return nil
    }

    private static let untagPolicy = IdentityOperation("UntagPolicy", on: IdentityOperation.policyARN) {
        (request, edit) throws(QueryFailure) in
        var policy = try request.existingPolicy(in: edit.identities).record
        policy.tags = try request.untagging(policy.tags)
        try edit.put(policy)
        return nil
    }

    private static let listPolicyTags = IdentityOperation(
        "ListPolicyTags", isReadOnly: true, on: IdentityOperation.policyARN
    ) { (request, edit) throws(QueryFailure) in
        try request.page(of: try request.existingPolicy(in: edit.identities).record.tags)
    }
}

extension IdentityRequest {
    fileprivate func tagging(_ present: [IdentityTag]) throws(QueryFailure) -> [IdentityTag] {
        let tags = present.setting(try form.tags())
        guard tags.count <= Form.mostTags else {
            throw .limitExceeded("The number of tags has reached the maximum limit.")
        }
        return tags
    }

    fileprivate func untagging(_ present: [IdentityTag]) throws(QueryFailure) -> [IdentityTag] {
        let keys = Set(try form.tagKeys().map { $0.lowercased() })
        return present.filter { !keys.contains($0.key.lowercased()) }
    }

    fileprivate func page(of tags: [IdentityTag]) throws(QueryFailure) -> QueryValue {
        let sorted = tags.sorted { $0.key.lowercased() < $1.key.lowercased() }
        return try Page(of: sorted, by: \.key, form).answer("Tags") {
            QueryValue(["Key": .text($0.key), "Value": .text($0.value)])
        }
    }
}
