package import Foundation
package import KMSAccess
package import KMSCrypto
package import KMSModel

/// A request of the IAM API, once it is known who sent it.
package struct IdentityRequest: Sendable {
    /// The request's members.
    package let form: Form
    /// Who asks.
    package let caller: Caller
    /// When the request is answered.
    package let now: Date
    /// Makes identifiers and secrets.
    package let keyring: Keyring
    /// Everybody of every account, for trust policies that name somebody of another account.
    package let directory: IdentityDirectory

    package init(form: Form, caller: Caller, now: Date, keyring: Keyring, directory: IdentityDirectory) {
        self.form = form
        self.caller = caller
        self.now = now
        self.keyring = keyring
        self.directory = directory
    }

    /// The account that the request works in.
    package var account: AccountID { caller.principal.account }
    /// The partition of the ARNs in the request and in its answer.
    package var partition: Partition { caller.partition }
    /// Now, as IAM dates what it makes: in whole seconds.
    var date: Date { Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down)) }

    /// A new unique identifier.
    ///
    /// - Throws: ``QueryFailure/unavailable``.
    func makeID(_ kind: UniqueID.Kind) throws(QueryFailure) -> UniqueID {
        UniqueID(kind, random: try randomBytes(UniqueID.randomByteCount).withBytes { Array($0) })
    }

    func randomBytes(_ count: Int) throws(QueryFailure) -> SecretBytes {
        do throws(CryptoFailure) {
            return try keyring.randomBytes(count)
        } catch {
            throw .unavailable
        }
    }

    /// The ARN of something that may not exist yet.
    func arn(_ kind: UniqueID.Kind, path: String = "/", _ name: String) -> String {
        kind.arn(in: partition, of: account, path: path, name)
    }
}

/// An operation of the IAM API: a description and a deed.
///
/// The deed is a pure function of the request and of everybody in the account, so that it can be done again when another
/// change came first.
package struct IdentityOperation: Sendable {
    /// Finds what policies are asked about; all of it has to be allowed.
    package typealias Resources =
        @Sendable (IdentityRequest, AccountIdentities) throws(QueryFailure) -> [IdentityResource]
    /// Does the work on everybody in the account.
    package typealias Deed =
        @Sendable (IdentityRequest, inout IdentityEdit) throws(QueryFailure) -> QueryValue?

    /// The name of the operation, and with `iam:` before it of the action that policies permit.
    package let name: String
    private let action: ActionName
    /// Whether the operation changes nothing.
    package let isReadOnly: Bool
    /// What policies are asked about.
    package let resources: Resources
    private let taggingAction: ActionName?
    private let members: [FormMember]
    /// Does the work, and answers the result; nil for operations that have none.
    package let perform: Deed

    init(
        _ name: String, taking members: [FormMember], isReadOnly: Bool = false, on resources: @escaping Resources,
        _ perform: @escaping Deed
    ) {
        self.name = name
        self.members = members
        action = ActionName("iam:\(name)")
        let isCreation = name.hasPrefix("Create") && members.contains { $0.name == FormMember.tags.name }
        taggingAction = isCreation ? ActionName("iam:Tag\(name.dropFirst("Create".count))") : nil
        self.isReadOnly = isReadOnly
        self.resources = resources
        self.perform = perform
    }

    /// What has to be permitted: with tags, tagging too.
    ///
    /// Source: IAM User Guide, "Tags for AWS Identity and Access Management resources".
    package func actions(for request: IdentityRequest) -> [ActionName] {
        guard let taggingAction, !request.form.structures("Tags").isEmpty else { return [action] }
        return [action, taggingAction]
    }

    /// What of the members that were sent the operation has.
    package func form(_ sent: [String: String]) -> Form { Form(sent, taking: members) }

    /// The operation of this name.
    package static func named(_ name: String) -> IdentityOperation? { byName[name] }

    /// Every operation.
    package static let all: [IdentityOperation] =
        UserOperations.all + GroupOperations.all + RoleOperations.all + InlinePolicyOperations.all
        + AttachmentOperations.all + BoundaryOperations.all + ManagedPolicyOperations.all + PolicyVersionOperations.all
        + AccessKeyOperations.all + TagOperations.all + AbsentFeatures.all

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
}

/// Something that policies are asked about.
package struct IdentityResource: Sendable {
    /// What the patterns of policies are held against.
    package let arn: String
    /// What a refusal calls it.
    package let name: String

    /// - Parameter name: What a refusal calls it, where that is not its ARN.
    init(_ arn: String, name: String? = nil) {
        self.arn = arn
        self.name = name ?? arn
    }
}

/// What there may be of each thing.
///
/// Source: IAM User Guide, "IAM and AWS STS quotas".
enum IdentityQuota {
    static let accessKeysPerUser = 2
    static let attachedPolicies = 10
    static let versionsPerPolicy = 5
    static let groupsPerUser = 10
    static let users = 5000
    static let groups = 300
    static let roles = 1000
    static let policies = 1500
    /// The longest managed policy, in characters other than white space.
    static let managedPolicySize = 6144
    /// The longest trust policy, in characters other than white space.
    static let trustPolicySize = 2048
    /// All inline policies of one user, group or role together, in characters other than white space.
    static func inlinePolicySize(_ kind: UniqueID.Kind) -> Int {
        switch kind {
        case .user: 2048
        case .group: 5120
        case .role, .policy: 10_240
        }
    }

    static func entities(_ kind: UniqueID.Kind) -> Int {
        switch kind {
        case .user: users
        case .group: groups
        case .role: roles
        case .policy: policies
        }
    }
}

extension String {
    /// How long a policy is as IAM counts: without white space.
    var policySize: Int { utf8.count { ![0x09, 0x0A, 0x0D, 0x20].contains($0) } }
}

extension Date {
    /// The date as the query protocol writes it.
    package var queryText: QueryValue { .text(formatted(.iso8601)) }
}
