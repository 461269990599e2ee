import Foundation
import KMSAccess
import KMSIdentity
import KMSModel

/// A request to take on a role, once it is known that the caller may.
///
/// Source: STS API Reference, AssumeRole; IAM User Guide, "Passing session tags in AWS STS".
struct RoleAssumption {
    private let call: IdentityCall
    private let role: Identity
    private var session: SessionRecord
    /// How much of what a token may carry policies and tags take up, in percent; nil without any.
    private var packedSize: Int?

    /// What requests may have.
    static let members: [FormMember] = [
        "RoleArn", "RoleSessionName", "DurationSeconds", "Policy", .structures("PolicyArns", of: ["arn"]), .tags,
        .texts("TransitiveTagKeys"), "ExternalId", "SourceIdentity", "SerialNumber", "TokenCode",
    ]

    /// How long a session may last, in seconds, and how long it does when nothing is said.
    private static let (durations, duration) = (900...43_200, 3600)
    /// How long a session may last that a session of a role begins.
    private static let longestChainedDuration = 3600
    /// The longest session policy, in characters.
    static let longestPolicy = 2048
    /// The most that policies and tags may come to together, in bytes.
    private static let mostPacked = 8192
    private static let mostPolicyARNs = 10

    init(_ call: IdentityCall, _ record: inout AuditRecord) throws(QueryFailure) {
        self.call = call
        let (form, caller, now) = (call.request.form, call.request.caller, call.request.now)
        let arn = try form.required("RoleArn", count: 20...2048)
        guard let name = try Self.sessionName("RoleSessionName", in: form) else {
            throw form.broken("RoleSessionName", "Member must not be null")
        }
        let tags = try form.tags(refusingWith: "InvalidParameterValue")
        try Self.checkExternalID(form)
        try SessionOperation.checkSecondFactor(form)
        let seconds = try form.number("DurationSeconds", in: Self.durations) ?? Self.duration
        guard let account = Self.account(ofRole: arn) else { throw .validation("\(arn) is invalid") }
        if case .root = caller.principal { throw .accessDenied("Roles may not be assumed by root accounts.") }
        guard let role = call.role(arn, of: account) else { throw call.denied("sts:AssumeRole", arn) }
        self.role = role
        record.resources = [(account, arn)]
        for action in Self.actions(form, tags, caller.session?.record) {
            try call.authorize(action, assuming: role, arn)
        }

        try Self.check(seconds, for: role, caller)
        session = SessionRecord(
            account: account, identity: role.record.id, name: name, issueDate: now,
            expiry: now.addingTimeInterval(TimeInterval(seconds)))
        try narrow()
        try tag(tags)
        try setSourceIdentity()
        try checkSize()
    }

    func answer() throws(QueryFailure) -> QueryValue {
        let request = call.request
        let principal = request.directory.principal(of: session)
        return QueryValue([
            "Credentials": try session.credentials(by: request.keyring),
            "AssumedRoleUser": QueryValue([
                "AssumedRoleId": principal.map { .text($0.userID) },
                "Arn": principal.map { .text($0.arn(in: request.partition)) },
            ]),
            "PackedPolicySize": packedSize.map { .number($0) },
            "SourceIdentity": session.sourceIdentity.map { .text($0) },
        ])
    }

    // MARK: Steps

    /// What has to be permitted; what the caller's own session passes on counts as if the request had it.
    ///
    /// Source: IAM User Guide, "Monitor and control actions taken with assumed roles" (role chaining), and "Pass session
    /// tags in AWS STS" (chaining roles with session tags).
    private static func actions(_ form: Form, _ tags: [IdentityTag], _ present: SessionRecord?) -> [ActionName] {
        var actions: [ActionName] = ["sts:AssumeRole"]
        let isTagged =
            !tags.isEmpty || !form.list("TransitiveTagKeys").isEmpty || present?.transitiveTagKeys.isEmpty == false
        if isTagged { actions.append("sts:TagSession") }
        if form.has("SourceIdentity") || present?.sourceIdentity != nil { actions.append("sts:SetSourceIdentity") }
        return actions
    }

    private static func account(ofRole arn: String) -> AccountID? {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[3].isEmpty,
            parts[5].hasBytePrefix("role/"), parts[5].utf8.count > 5,
            arn.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return AccountID(parts[4])
    }

    /// A name that a session or whoever is behind it has.
    private static func sessionName(_ member: String, in form: Form) throws(QueryFailure) -> String? {
        guard let name = try form.optional(member, count: 2...64) else { return nil }
        guard name.utf8.allSatisfy(Form.isOfName) else {
            throw form.broken(member, #"Member must satisfy regular expression pattern: [\w+=,.@-]*"#)
        }
        return name
    }

    /// Source of the pattern: STS API Reference, AssumeRole, `ExternalId`.
    private static func checkExternalID(_ form: Form) throws(QueryFailure) {
        guard let id = try form.optional("ExternalId", count: 2...1224) else { return }
        guard id.utf8.allSatisfy({ Form.isOfName($0) || ":/".utf8.contains($0) }) else {
            throw form.broken("ExternalId", #"Member must satisfy regular expression pattern: [\w+=,.@:\/-]*"#)
        }
    }

    private static func check(_ seconds: Int, for role: Identity, _ caller: Caller) throws(QueryFailure) {
        if case .roleSession = caller.principal, seconds > longestChainedDuration {
            throw .validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
        }
        guard seconds <= role.record.role?.maxSessionDuration ?? duration else {
            throw .validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        }
    }

    /// Takes the policies that narrow the session.
    private mutating func narrow() throws(QueryFailure) {
        let form = call.request.form
        if let text = try form.optional("Policy", count: 1...Self.longestPolicy) {
            do throws(PolicyFailure) {
                _ = try PolicyDocument.parse(identityPolicy: text)
            } catch {
                throw QueryFailure(error)
            }
            session.policies = [text]
        }
        let arns = form.structures("PolicyArns").map { $0["arn"] ?? "" }
        guard arns.count <= Self.mostPolicyARNs else {
            throw form.broken("PolicyArns", "Member must have length less than or equal to \(Self.mostPolicyARNs)")
        }
        let owners = call.request.directory.identities(of: role.account)
        for arn in arns {
            guard let policy = owners?.policy(arn: arn) else {
                throw .validation("Invalid policy ARN: \(arn)")
            }
            session.managedPolicies.append(policy.record.id)
        }
    }

    /// Takes the tags of the request, and those that the caller's own session passes on.
    private mutating func tag(_ tags: [IdentityTag]) throws(QueryFailure) {
        let keys = call.request.form.list("TransitiveTagKeys")
        guard keys.count <= Form.mostTags else {
            throw call.request.form.broken(
                "TransitiveTagKeys", "Member must have length less than or equal to \(Form.mostTags)")
        }
        let inherited = call.request.caller.session?.record
        let inheritedKeys = Set((inherited?.transitiveTagKeys ?? []).map(\.foldedBytes))
        let taggedKeys = Set(tags.map(\.key.foldedBytes))
        guard keys.allSatisfy({ taggedKeys.contains($0.foldedBytes) }) else {
            throw QueryFailure(
                "InvalidParameterValue",
                "The specified transitive tag key must be included in the requested tags.")
        }
        guard taggedKeys.isDisjoint(with: inheritedKeys) else {
            throw QueryFailure(
                "InvalidParameterValue",
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
                    + "from the calling session.")
        }
        session.tags = (inherited?.tags ?? []).filter { inheritedKeys.contains($0.key.foldedBytes) } + tags
        guard session.tags.count <= Form.mostTags else {
            throw call.request.form.broken(
                "Tags", "Member must have length less than or equal to \(Form.mostTags)")
        }
        session.transitiveTagKeys = (inherited?.transitiveTagKeys ?? []) + keys
    }

    /// A source identity stays what it is in all sessions that begin from one that has it.
    private mutating func setSourceIdentity() throws(QueryFailure) {
        let form = call.request.form
        let given = try Self.sessionName("SourceIdentity", in: form)
        let present = call.request.caller.session?.record.sourceIdentity
        if let given, let present, given != present {
            throw call.denied("sts:SetSourceIdentity", role.arn)
        }
        session.sourceIdentity = present ?? given
    }

    /// Bounds what a token carries, which clients send with every request.
    private mutating func checkSize() throws(QueryFailure) {
        let policies = (session.policies ?? []).reduce(0) { $0 + $1.utf8.count } + session.managedPolicies.count * 24
        let tags = session.tags.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard policies + tags > 0 else { return }
        let percent = max(1, (policies + tags) * 100 / Self.mostPacked)
        guard percent <= 100 else {
            throw QueryFailure(
                "PackedPolicyTooLarge",
                policies == 0
                    ? "Packed size of session tags consumes \(percent)% of allotted space."
                    : "Packed policy consumes \(percent)% of allotted space, please use smaller policy.")
        }
        packedSize = percent
    }
}

extension IdentityCall {
    /// The role of this ARN.
    fileprivate func role(_ arn: String, of account: AccountID) -> Identity? {
        let owners = request.directory.identities(of: account)
        return owners?.account.partition == request.partition ? owners?.identity(.role, arn: arn) : nil
    }

    fileprivate func authorize(
        _ action: ActionName, assuming role: Identity, _ arn: String
    ) throws(QueryFailure) {
        let caller = request.caller
        let target = IdentityConditions.Target(account: role.account, tags: role.record.tags, boundary: nil)
        let question = AccessQuestion(
            caller: .principal(caller.principal), action: action, resource: .key(arn: arn, owner: role.account),
            crossesAccounts: true, request: IdentityConditions(call: self, action: action, target: target)
        )
        let policies = request.directory.policies(of: caller)
        guard let trustPolicy = role.trustPolicy,
            question.decision(assumingUnder: trustPolicy, policies: policies).isAllowed
        else { throw denied(action, arn) }
    }

    /// One sentence, whether the role refuses or does not exist.
    fileprivate func denied(_ action: ActionName, _ arn: String) -> QueryFailure {
        .accessDenied(
            "User: \(request.caller.principal.arn(in: request.partition)) is not authorized to perform: \(action) on "
                + "resource: \(arn)")
    }
}
