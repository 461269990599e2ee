import KMSAccess
import KMSEngine
import KMSIdentity
import KMSModel

/// A part of the page of quotas: what is limited, how much of it is used, and by whom.
struct QuotaSection: Sendable {
    /// One quota, or one of those that are nearest to it.
    struct Row: Sendable {
        let name: String
        /// Whose it is; nil for what is the account's own.
        let holder: Holder?
        let used: Int
        let limit: Int
    }

    struct Holder: Sendable {
        let name: String
        let href: String
    }

    /// What the heading is found by.
    let id: String
    let title: String
    let rows: [Row]
    /// Why there are no rows.
    var refusal: Alert?
}

extension QuotaSection {
    /// The quotas of the region's keys.
    ///
    /// - Parameter found: The keys, or why the visitor may not see them.
    static func keys(
        _ found: Result<KeyCensus, ConsoleFailure>, _ quotas: ResourceQuotas, in visit: Visit
    ) -> Self {
        let (id, title) = ("key-quotas", "Quotas of keys")
        switch found {
        case .success(let census): return Self(id: id, title: title, rows: rows(of: census, quotas, in: visit))
        case .failure(let failure): return Self(id: id, title: title, rows: [], refusal: Alert(failure))
        }
    }

    private static func rows(of census: KeyCensus, _ quotas: ResourceQuotas, in visit: Visit) -> [Row] {
        func rows(_ quota: KeyCensus.Quota, _ name: String, _ limit: Int) -> [Row] {
            let holders = census.nearest[quota] ?? []
            guard !holders.isEmpty else { return [Row(name: name, holder: nil, used: 0, limit: limit)] }
            return holders.map { key in
                Row(
                    name: name, holder: Holder(name: key.alias ?? key.id, href: "\(visit.base)/keys/\(key.id)"),
                    used: key.used, limit: limit)
            }
        }
        return [Row(name: "Customer managed keys", holder: nil, used: census.count, limit: quotas.keysPerRealm)]
            + rows(.grants, "Grants of one key", quotas.grantsPerKey)
            + rows(.aliases, "Aliases of one key", quotas.aliasesPerKey)
            + rows(.tags, "Tags of one key", ResourceQuotas.tagsPerKey)
            + rows(.policySize, "Key policy as it is kept, in bytes", quotas.policyByteCount)
            + rows(.rotationsOnDemand, "Rotations of one key on demand", quotas.rotationsOnDemandPerKey)
    }

    /// The quotas of the account's users, groups, roles and policies.
    static func identities(in visit: Visit) async -> Self {
        let (id, title) = ("identity-quotas", "Quotas of users, groups, roles and policies")
        do throws(ConsoleFailure) {
            let rows = try await visit.identityUsage().items.map { item in
                Row(
                    name: item.quota.title, holder: item.holder.map { Holder($0, in: visit) }, used: item.used,
                    limit: item.limit)
            }
            return Self(id: id, title: title, rows: rows)
        } catch {
            return Self(id: id, title: title, rows: [], refusal: Alert(error))
        }
    }
}

extension QuotaSection.Holder {
    fileprivate init(_ holder: IdentityUsage.Holder, in visit: Visit) {
        let kind: AccessKind =
            switch holder.kind {
            case .user: .user
            case .group: .group
            case .role: .role
            case .policy: .policy
            }
        name = "\(kind.rawValue) \(holder.name)"
        href = AccessSubject(kind: kind, id: kind == .policy ? holder.arn : holder.name).path(in: visit)
    }
}

extension IdentityUsage.Quota {
    fileprivate var title: String {
        switch self {
        case .users: "Users"
        case .groups: "Groups"
        case .roles: "Roles"
        case .policies: "Customer managed policies"
        case .accessKeys: "Access keys of one user"
        case .groupsPerUser: "Groups of one user"
        case .attachedPolicies: "Policies attached to one user, group or role"
        case .inlinePolicySize: "Inline policies of one user, group or role, in characters"
        case .trustPolicySize: "Trust policy of one role, in characters"
        case .versions: "Versions of one policy"
        case .managedPolicySize: "Customer managed policy, in characters"
        case .tags: "Tags of one user, role or policy"
        }
    }
}
