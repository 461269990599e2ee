import KMSAccess
import KMSIdentity
import KMSModel

/// What a request of the IAM or the STS API supplies for the conditions and variables of policies.
///
/// Source: Service Authorization Reference, "Condition keys for AWS Identity and Access Management" and "... for AWS
/// Security Token Service".
struct IdentityConditions: ConditionSource {
    let call: IdentityCall
    /// What is to be done, which decides what there is to be asked.
    let action: ActionName
    /// The user, group, role or managed policy that the request is about, as far as it exists.
    let target: Target?
    /// The tags of the request, of which conditions may ask for many.
    private let requestTags: [(key: String, value: String)]

    init(call: IdentityCall, action: ActionName, target: Target?) {
        self.call = call
        self.action = action
        self.target = target
        requestTags = call.request.form.structures("Tags").map { ($0["Key"] ?? "", $0["Value"] ?? "") }
    }

    /// What can be asked of something that exists.
    struct Target {
        let account: AccountID
        let tags: [IdentityTag]
        /// The ARN of its permissions boundary.
        let boundary: String?
    }

    /// The actions that say which managed policy they attach or detach.
    private static let attachments: Set<ActionName> = [
        "iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:DetachUserPolicy",
        "iam:DetachGroupPolicy", "iam:DetachRolePolicy",
    ]

    /// The actions that depend on the boundary which whoever they are about has.
    private static let delegations: Set<ActionName> = [
        "iam:AttachUserPolicy", "iam:AttachRolePolicy", "iam:DetachUserPolicy", "iam:DetachRolePolicy",
        "iam:PutUserPolicy", "iam:PutRolePolicy", "iam:DeleteUserPolicy", "iam:DeleteRolePolicy",
        "iam:DeleteUserPermissionsBoundary", "iam:DeleteRolePermissionsBoundary",
    ]

    func values(of key: ConditionKey) -> ConditionValues {
        let form = call.request.form
        switch key {
        case .requestTag(let name):
            return ConditionValues(of: name, in: requestTags)
        case .resourceTag(let name), .identityResourceTag(let name):
            return ConditionValues(of: name, in: (target?.tags ?? []).lazy.map { ($0.key, $0.value) })
        case .named(.tagKeys):
            return .several(form.structures("Tags").compactMap { $0["Key"] } + form.list("TagKeys"))
        case .named(.identityPolicyARN):
            return Self.attachments.contains(action) ? ConditionValues(form.optional("PolicyArn")) : .absent
        case .named(.identityPermissionsBoundary):
            // What a request does not have, the form does not show.
            return ConditionValues(
                Self.delegations.contains(action) ? target?.boundary : form.optional("PermissionsBoundary"))
        case .named(.sessionExternalID): return ConditionValues(form.optional("ExternalId"))
        case .named(.sessionName): return ConditionValues(form.optional("RoleSessionName"))
        // What the caller's own session passes on counts as if the request had it.
        case .named(.sessionSourceIdentity):
            let inherited = action == "sts:SetSourceIdentity" ? call.request.caller.session?.record.sourceIdentity : nil
            return ConditionValues(form.optional("SourceIdentity") ?? inherited)
        case .named(.sessionTransitiveTagKeys):
            let inherited = action == "sts:TagSession" ? call.request.caller.session?.record.transitiveTagKeys : nil
            return .several(form.list("TransitiveTagKeys") + (inherited ?? []))
        // IAM is in one region of a partition, wherever a request is signed for.
        case .named(.requestedRegion) where action.service == "iam":
            return .one(call.request.partition.globalRegion)
        case .named(.resourceAccount): return .one((target?.account ?? call.request.account).description)
        case .named, .encryptionContext, .principalTag, .unknown: return circumstances.values(of: key)
        }
    }

    func steps(toFind key: ConditionKey) -> Int {
        switch key {
        case .requestTag: requestTags.count * EvaluationBudget.stepsPerPair
        case .named(.tagKeys), .named(.sessionTransitiveTagKeys):
            call.request.form.size * EvaluationBudget.stepsPerEntry
        case .resourceTag, .identityResourceTag: (target?.tags.count ?? 0) * EvaluationBudget.stepsPerPair
        default: circumstances.steps(toFind: key)
        }
    }

    private var circumstances: RequestCircumstances {
        let request = call.request
        return RequestCircumstances(
            caller: request.caller, client: call.client, now: request.now, identities: request.directory)
    }
}

extension AccountIdentities {
    /// What can be asked of the user, group, role or managed policy of this ARN; nil when there is none.
    func target(of arn: String) -> IdentityConditions.Target? {
        let resource = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).last ?? ""
        let parts = resource.split(separator: "/")
        guard parts.count > 1, let name = parts.last.map(String.init) else { return nil }
        switch parts[0] {
        case "policy":
            return policy(named: name).map {
                IdentityConditions.Target(account: account.id, tags: $0.record.tags, boundary: nil)
            }
        case "user", "group", "role":
            let kind: UniqueID.Kind = parts[0] == "user" ? .user : parts[0] == "group" ? .group : .role
            return identity(kind, named: name).map { identity in
                IdentityConditions.Target(
                    account: account.id, tags: identity.record.tags,
                    boundary: identity.record.boundary.flatMap { policy($0)?.arn })
            }
        default: return nil
        }
    }
}
