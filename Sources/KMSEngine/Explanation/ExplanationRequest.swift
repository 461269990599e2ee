import Foundation
import KMSAccess
import KMSIdentity
import KMSModel

/// What is to be explained: whether a principal may do an action, as if it sent this request.
///
/// Members: `Principal` (an ARN), `Action` (such as `kms:Decrypt`), `KeyId` or `AliasName` for actions on one,
/// `EncryptionContext`, `Request` (further members of the request, as the API has them), `SessionPolicy`, `SourceIp` and
/// `UserAgent`.
struct ExplanationRequest {
    private static let members: Set<String> = [
        "Principal", "Action", "KeyId", "AliasName", "EncryptionContext", "Request", "SessionPolicy", "SourceIp",
        "UserAgent",
    ]

    /// Who is asked about.
    let caller: Caller
    let client: Client
    /// The operation that needs the action.
    let operation: OperationDescription
    let action: ActionName
    /// The request that is imagined.
    let body: JSONObject
    let keyID: String?
    let aliasName: String?

    /// - Throws: ``KMSError`` with `ValidationException`, or `NotFoundException` for a principal that does not exist.
    init(
        _ object: JSONObject, asker: Caller, client: Client, at now: Date, identities: IdentityDirectory
    ) throws(KMSError) {
        if let unknown = object.members.first(where: { !$0.name.isASCII || !Self.members.contains($0.name) }) {
            throw KMSError(.validation, "\(unknown.name) is not a member of a request to explain.")
        }
        func text(_ name: String) throws(KMSError) -> String? {
            switch object[name] {
            case nil, .null: return nil
            // Nothing that they name has marks.
            case .string(let text): return text.streamSafe
            default: throw KMSError(.validation, "\(name) must be a text.")
            }
        }
        guard let arn = try text("Principal"), let name = try text("Action") else {
            throw KMSError(.validation, "Principal and Action are needed.")
        }
        (operation, action) = try Self.operation(name)
        caller = try Self.caller(arn, try text("SessionPolicy"), asker, now, identities)
        self.client = Client(
            address: try text("SourceIp") ?? client.address, userAgent: try text("UserAgent") ?? client.userAgent,
            referer: client.referer, isSecure: client.isSecure)
        keyID = try text("KeyId")
        aliasName = try text("AliasName")
        body = try Self.body(object, keyID, aliasName, action)
    }

    /// The operation that needs an action; some need another one beside their own.
    private static func operation(_ name: String) throws(KMSError) -> (OperationDescription, ActionName) {
        let unknown = KMSError(.validation, "\(name) is not an action of this server.")
        let action = name.hasBytePrefix("kms:") ? String(name.dropFirst("kms:".count)) : name
        let isHalf = action == "ReEncryptFrom" || action == "ReEncryptTo"
        guard let operation = OperationName.named(isHalf ? OperationName.reEncrypt.rawValue : action),
            let description = Catalogue.operation(operation)?.description
        else { throw unknown }
        guard operation != .reEncrypt || isHalf else {
            throw KMSError(.validation, "Ask for kms:ReEncryptFrom or kms:ReEncryptTo.")
        }
        return (description, ActionName("kms:\(action)"))
    }

    private static func caller(
        _ arn: String, _ sessionPolicy: String?, _ asker: Caller, _ now: Date, _ identities: IdentityDirectory
    ) throws(KMSError) -> Caller {
        guard let named = try? PolicyPrincipal(aws: arn, in: asker.partition),
            named.account == asker.principal.account
        else { throw KMSError(.validation, "Principal must be the ARN of a principal of your account.") }
        guard let principal = principal(arn, asker, identities) else { throw unknown(arn) }
        guard case .roleSession(let account, _, _, let name, let role) = principal else {
            return Caller(principal: principal, accessKeyID: "", region: asker.region)
        }
        var record = SessionRecord(
            account: account, identity: role, name: name, issueDate: now, expiry: now.addingTimeInterval(3600))
        if let sessionPolicy {
            guard sessionPolicy.unicodeScalars.count <= RoleAssumption.longestPolicy else {
                throw KMSError(
                    .validation, "SessionPolicy must have at most \(RoleAssumption.longestPolicy) characters.")
            }
            record.policies = [sessionPolicy]
        }
        do throws(PolicyFailure) {
            if let sessionPolicy { _ = try PolicyDocument.parse(identityPolicy: sessionPolicy) }
            return Caller(
                principal: principal, accessKeyID: "", region: asker.region, session: try Session(record))
        } catch {
            throw KMSError(error)
        }
    }

    /// Who is asked about: for a role some session of it; nil for nobody of the asker's account.
    static func principal(_ arn: String, _ asker: Caller, _ identities: IdentityDirectory) -> Principal? {
        let account = asker.principal.account
        guard let named = try? PolicyPrincipal(aws: arn, in: asker.partition), named.account == account else {
            return nil
        }
        func session(_ name: String, of role: UniqueID?) -> Principal? {
            role.flatMap { identities.identities(of: account)?.principal($0, session: name) }
        }
        switch named {
        case .account: return .root(account)
        case .user(_, let path, let name):
            return identities.userID(account, path: path, name: name).flatMap(identities.principal)
        case .role(_, let path, let name):
            return session("explained", of: identities.roleID(account, path: path, name: name))
        case .roleSession(_, let role, let name):
            return session(name, of: identities.roleID(account, path: nil, name: role))
        default: return nil
        }
    }

    private static func unknown(_ arn: String) -> KMSError {
        KMSError(.notFound, "Principal \(arn) does not exist.")
    }

    /// The request that is imagined: its own members, and those that have a place of their own.
    private static func body(
        _ object: JSONObject, _ keyID: String?, _ aliasName: String?, _ action: ActionName
    ) throws(KMSError) -> JSONObject {
        var body = JSONObject()
        if let request = object["Request"] {
            guard case .object(let members) = request else { throw KMSError(.validation, "Request must be an object.") }
            body = members
        }
        let side =
            action == "kms:ReEncryptFrom" ? "Source" : action == "kms:ReEncryptTo" ? "Destination" : ""
        if let keyID { body.append("\(side)KeyId", .string(keyID)) }
        if let aliasName { body.append("AliasName", .string(aliasName)) }
        if let context = object["EncryptionContext"] { body.append("\(side)EncryptionContext", context) }
        return body
    }
}
