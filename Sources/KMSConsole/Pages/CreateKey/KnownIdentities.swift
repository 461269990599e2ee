import KMSAccess
import KMSIdentity
import KMSModel

/// The users and roles of the account, as far as the visitor may list them: to find slips of the pen before they are refused.
struct KnownIdentities: Sendable {
    /// The most pages of each list that are read, of 1000 entries each.
    private static let mostPages = 10

    private let account: String
    private let partition: Partition
    /// ARNs; nil when they cannot all be listed.
    private let users: Set<String>?
    private let roles: Set<String>?
    /// The roles by their names, which is all that sessions tell of them.
    private let roleNames: Set<String>?

    init(_ visit: Visit) async {
        account = visit.caller.principal.account.description
        partition = visit.caller.partition
        users = await Self.list(visit, "ListUsers", "Users").map { Set($0.compactMap { $0.text("Arn") }) }
        let found = await Self.list(visit, "ListRoles", "Roles")
        roles = found.map { Set($0.compactMap { $0.text("Arn") }) }
        roleNames = found.map { Set($0.compactMap { $0.text("RoleName") }) }
    }

    private static func list(_ visit: Visit, _ action: String, _ member: String) async -> [QueryValue]? {
        var (entries, marker): ([QueryValue], String?) = ([], nil)
        for _ in 0..<mostPages {
            var members = ["MaxItems": "1000"]
            members["Marker"] = marker
            guard let answer = try? await visit.iam(action, members) else { return nil }
            entries += answer.list(member)
            marker = answer.nextMarker
            if marker == nil { return entries }
        }
        return nil
    }

    /// Whether there is a user, a role, or the role of a session; nil for what is not known, as of other accounts.
    func has(_ arn: String) -> Bool? {
        switch try? PolicyPrincipal(aws: arn, in: partition) {
        case .user(let owner, _, _)? where owner.description == account: users?.contains(arn)
        case .role(let owner, _, _)? where owner.description == account: roles?.contains(arn)
        case .roleSession(let owner, let role, _)? where owner.description == account: roleNames?.contains(role)
        default: nil
        }
    }
}
