import KMSModel

/// Labels on users, roles and managed policies, which conditions can ask for.
enum TagOperations {
    static let all =
        [UniqueID.Kind.user, .role].flatMap(operations)
        + operations(
            "Policy", "PolicyArn", on: IdentityOperation.policyARN,
            tags: { (request, identities) throws(QueryFailure) in
                try request.existingPolicy(in: identities).record.tags
            },
            set: { (tags, request, edit) throws(QueryFailure) in
                var policy = try request.existingPolicy(in: edit.identities).record
                policy.tags = tags
                try edit.put(policy)
            })

    private static func operations(of kind: UniqueID.Kind) -> [IdentityOperation] {
        operations(
            kind.word, kind.nameField, on: IdentityOperation.named(kind),
            tags: { (request, identities) throws(QueryFailure) in
                try request.existing(kind, in: identities).record.tags
            },
            set: { (tags, request, edit) throws(QueryFailure) in
                var owner = try request.existing(kind, in: edit.identities).record
                owner.tags = tags
                try edit.put(owner)
            })
    }

    /// The three operations on the tags of whatever a request names.
    private static func operations(
        _ word: String, _ owner: FormMember, on resources: @escaping IdentityOperation.Resources,
        tags: @escaping @Sendable (IdentityRequest, AccountIdentities) throws(QueryFailure) -> [IdentityTag],
        set: @escaping @Sendable ([IdentityTag], IdentityRequest, inout IdentityEdit) throws(QueryFailure) -> Void
    ) -> [IdentityOperation] {
        [
            IdentityOperation("Tag\(word)", taking: [owner, .tags], on: resources) {
                (request, edit) throws(QueryFailure) in
                try set(try request.tagging(try tags(request, edit.identities)), request, &edit)
                return nil
            },
            IdentityOperation("Untag\(word)", taking: [owner, .texts("TagKeys")], on: resources) {
                (request, edit) throws(QueryFailure) in
                try set(try request.untagging(try tags(request, edit.identities)), request, &edit)
                return nil
            },
            IdentityOperation(
                "List\(word)Tags", taking: [owner] + FormMember.page, isReadOnly: true, on: resources
            ) { (request, edit) throws(QueryFailure) in
                try request.page(of: try tags(request, edit.identities))
            },
        ]
    }
}

extension IdentityRequest {
    fileprivate func tagging(_ present: [IdentityTag]) throws(QueryFailure) -> [IdentityTag] {
        let tags = present.setting(try form.requiredTags())
        guard tags.count <= Form.mostTags else {
            throw .limitExceeded("The number of tags has reached the maximum limit.")
        }
        return tags
    }

    fileprivate func untagging(_ present: [IdentityTag]) throws(QueryFailure) -> [IdentityTag] {
        let keys = Set(try form.tagKeys().map(\.foldedBytes))
        return present.filter { !keys.contains($0.key.foldedBytes) }
    }

    fileprivate func page(of tags: [IdentityTag]) throws(QueryFailure) -> QueryValue {
        try Page(of: tags, by: { $0.key.foldingASCII }, form).answer("Tags") {
            QueryValue(["Key": .text($0.key), "Value": .text($0.value)])
        }
    }
}
