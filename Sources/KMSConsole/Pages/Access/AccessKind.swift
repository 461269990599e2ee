/// What IAM has to be shown: users, groups, roles and managed policies, and how they differ.
enum AccessKind: String, CaseIterable, Sendable {
    case user, group, role, policy

    /// The word in names of operations and members, such as `User`.
    var word: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }

    /// Several of them, as paths have it.
    var plural: String { self == .policy ? "policies" : "\(rawValue)s" }

    /// What the list of them is called.
    var title: String {
        switch self {
        case .user: "Users"
        case .group: "Groups"
        case .role: "Roles"
        case .policy: "Customer managed policies"
        }
    }

    /// The member that says which one a request is about.
    var reference: String { self == .policy ? "PolicyArn" : nameMember }

    /// The member that has the name.
    var nameMember: String { "\(word)Name" }

    /// The member that lists of the IAM API have for them.
    var listMember: String { self == .policy ? "Policies" : "\(word)s" }

    /// Whether policies are given to it.
    var isIdentity: Bool { self != .policy }

    /// Whether it can have a permissions boundary.
    var canBeBounded: Bool { self == .user || self == .role }

    /// Whether it can have tags.
    var canBeTagged: Bool { self != .group }

    /// What has to be gone before it can be deleted.
    var obstacles: String {
        switch self {
        case .user: "Its access keys and policies have to be deleted, and it has to be removed from its groups, first."
        case .group: "Its members have to be removed, and its policies deleted, first."
        case .role: "Its policies have to be deleted or detached first."
        case .policy: "It has to be detached everywhere, and its other versions have to be deleted, first."
        }
    }
}

/// One user, group, role or managed policy.
struct AccessSubject: Sendable {
    let kind: AccessKind
    /// The name; of a managed policy the ARN.
    let id: String

    /// What a request says to be about it.
    var members: [String: String] { [kind.reference: id] }

    /// Where it is shown.
    ///
    /// The name stands in the query, because a name may be two dots, which browsers take out of paths.
    func path(in visit: Visit) -> String { "\(visit.base)/access/\(kind.rawValue)?id=\(id.inQuery)" }

    /// Where one of its inline policies is edited, or a new one written.
    func inlinePath(_ policy: String?, in visit: Visit) -> String {
        let name = policy.map { "&policy=\($0.inQuery)" } ?? ""
        return "\(visit.base)/access/\(kind.rawValue)/inline?id=\(id.inQuery)\(name)"
    }
}
