import KMSIdentity

/// The parts of a page about a user, group, role or managed policy; those that its kind has none of are nil.
struct AccessParts: Sendable {
    /// An access key of a user.
    struct Key: Sendable {
        let id: String
        let isActive: Bool
        let creation: Moment?
        let lastUse: String
    }

    /// Groups of a user, or members of a group.
    struct Members: Sendable {
        let title: String
        /// What the field for one more is called.
        let label: String
        let list: AccessSection<AccessLink>
        let suggestions: [String]
    }

    /// The limit of a user or role.
    struct Boundary: Sendable {
        let current: AccessLink?
        let typed: String
    }

    /// Who may take on a role.
    struct Trust: Sendable {
        let text: String
    }

    /// What else a role has.
    struct Settings: Sendable {
        let description: String
        let duration: String
    }

    struct Tag: Sendable {
        let key: String
        let value: String
    }

    private(set) var trust: Trust?
    private(set) var settings: Settings?
    private(set) var keys: AccessSection<Key>?
    private(set) var members: Members?
    private(set) var attached: AccessSection<AccessLink>?
    private(set) var inline: AccessSection<AccessLink>?
    private(set) var newInline: String?
    private(set) var boundary: Boundary?
    private(set) var policy: ManagedPolicyParts?
    private(set) var tags: AccessSection<Tag>?
    /// ARNs of managed policies that fields suggest.
    private(set) var policies: [String] = []

    /// Asks for all parts.
    ///
    /// - Parameters:
    ///   - found: What IAM tells of the subject itself.
    ///   - answer: All of that answer, which of a group has its members.
    init(of subject: AccessSubject, _ found: QueryValue, _ answer: QueryValue, _ visit: Visit) async {
        let (kind, form) = (subject.kind, visit.request.form)
        if kind == .role {
            trust = Trust(
                text: form["trust"]
                    ?? found.document("AssumeRolePolicyDocument").map(PolicyLayout.readable) ?? "")
            settings = Settings(
                description: form["description"] ?? found.text("Description") ?? "",
                duration: form["duration"] ?? found.text("MaxSessionDuration") ?? "")
        }
        if kind == .user { keys = await visit.accessKeys(of: subject) }
        members = await visit.members(of: subject, answer)
        if kind.isIdentity {
            attached = await visit.section("ListAttached\(kind.word)Policies", "AttachedPolicies", subject.members) {
                visit.link(.policy, $0.text("PolicyName") ?? "", id: $0.text("PolicyArn") ?? "")
            }
            inline = await visit.section("List\(kind.word)Policies", "PolicyNames", subject.members) { name in
                name.text.map { AccessLink(name: $0, href: subject.inlinePath($0, in: visit), value: $0) }
            }
            newInline = subject.inlinePath(nil, in: visit)
            policies = await visit.policySuggestions()
        } else {
            policy = await ManagedPolicyParts(of: subject, found, visit)
        }
        if kind.canBeBounded {
            let arn = found["PermissionsBoundary"]?.text("PermissionsBoundaryArn")
            boundary = Boundary(
                current: arn.map { visit.link(.policy, $0, id: $0) }, typed: form["boundary"] ?? "")
        }
        guard kind.canBeTagged else { return }
        tags = await visit.section("List\(kind.word)Tags", "Tags", subject.members) {
            Tag(key: $0.text("Key") ?? "", value: $0.text("Value") ?? "")
        }
    }
}

extension Visit {
    fileprivate func accessKeys(of subject: AccessSubject) async -> AccessSection<AccessParts.Key> {
        let found = await section("ListAccessKeys", "AccessKeyMetadata", subject.members) { $0 }
        var keys = AccessSection<AccessParts.Key>(refusal: found.refusal)
        for key in found.rows {
            let id = key.text("AccessKeyId") ?? ""
            let use = try? await iam("GetAccessKeyLastUsed", ["AccessKeyId": id])
            keys.rows.append(
                AccessParts.Key(
                    id: id, isActive: key.text("Status") == "Active", creation: key.moment("CreateDate"),
                    lastUse: use.map { Self.sentence(of: $0["AccessKeyLastUsed"]) } ?? "not shown"))
        }
        return keys
    }

    private static func sentence(of use: QueryValue?) -> String {
        guard let use, let date = use.moment("LastUsedDate") else { return "never" }
        return "\(date.text), \(use.text("ServiceName") ?? "") in \(use.text("Region") ?? "")"
    }

    /// The groups of a user; the users of a group, which are in the answer that tells of the group.
    fileprivate func members(of subject: AccessSubject, _ answer: QueryValue) async -> AccessParts.Members? {
        func link(_ kind: AccessKind) -> (QueryValue) -> AccessLink? {
            { entry in entry.text(kind.nameMember).map { self.link(kind, $0, id: $0) } }
        }
        switch subject.kind {
        case .user:
            return AccessParts.Members(
                title: "Groups", label: "Add to a group",
                list: await section("ListGroupsForUser", "Groups", subject.members, link(.group)),
                suggestions: await suggestions(of: .group, "GroupName"))
        case .group:
            let users = answer.list("Users").compactMap(link(.user))
            return AccessParts.Members(
                title: "Members", label: "Add a user",
                list: AccessSection(rows: users, next: next(of: answer, subject)),
                suggestions: await suggestions(of: .user, "UserName"))
        case .role, .policy: return nil
        }
    }
}
