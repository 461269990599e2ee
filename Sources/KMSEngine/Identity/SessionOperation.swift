import Foundation
import KMSAccess
import KMSCrypto
import KMSIdentity
import KMSModel

/// An operation of the STS API.
///
/// Source: STS API Reference.
enum SessionOperation: String, Sendable {
    case getCallerIdentity = "GetCallerIdentity"
    case assumeRole = "AssumeRole"
    case getSessionToken = "GetSessionToken"

    /// How long the sessions of a user may last, in seconds, and how long they do when nothing is said.
    private static let (userDurations, userDuration) = (900...129_600, 43_200)
    /// How long the sessions of a root user may last at the most.
    private static let longestRootDuration = 3600

    /// What of the members that were sent the operation has.
    func form(_ sent: [String: String]) -> Form {
        let members: [FormMember] =
            switch self {
            case .getCallerIdentity: []
            case .assumeRole: RoleAssumption.members
            case .getSessionToken: ["DurationSeconds", "SerialNumber", "TokenCode"]
            }
        return Form(sent, taking: members, showsValues: true)
    }

    /// Does the work, and notes in `record` what else the audit log should show.
    func perform(_ call: IdentityCall, _ record: inout AuditRecord) throws(QueryFailure) -> QueryValue {
        switch self {
        case .getCallerIdentity: Self.identity(of: call.request.caller)
        case .assumeRole: try RoleAssumption(call, &record).answer()
        case .getSessionToken: try Self.sessionToken(call)
        }
    }

    /// It needs no permission and is never denied.
    private static func identity(of caller: Caller) -> QueryValue {
        QueryValue([
            "Arn": .text(caller.principal.arn(in: caller.partition)), "UserId": .text(caller.principal.userID),
            "Account": .text(caller.principal.account.description),
        ])
    }

    /// Refuses a second factor: there are none here, and a session must not seem to have one that nobody checked.
    static func checkSecondFactor(_ form: Form) throws(QueryFailure) {
        guard form.optional("SerialNumber") == nil, form.optional("TokenCode") == nil else {
            throw .accessDenied(
                "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial number is "
                    + "valid and associated with this user.")
        }
    }

    private static func sessionToken(_ call: IdentityCall) throws(QueryFailure) -> QueryValue {
        let request = call.request
        guard request.caller.session == nil else {
            throw .accessDenied("Cannot call GetSessionToken with session credentials")
        }
        try checkSecondFactor(request.form)
        var seconds = try request.form.number("DurationSeconds", in: userDurations) ?? userDuration
        if case .root = request.caller.principal { seconds = min(seconds, longestRootDuration) }
        let session = SessionRecord(
            account: request.account, identity: request.caller.principal.id, name: nil, issueDate: request.now,
            expiry: request.now.addingTimeInterval(TimeInterval(seconds)))
        return QueryValue(["Credentials": try session.credentials(by: request.keyring)])
    }
}

extension SessionRecord {
    /// New temporary credentials for the session, at the only moment at which they can be seen.
    ///
    /// - Throws: ``QueryFailure/unavailable``.
    func credentials(by keyring: Keyring) throws(QueryFailure) -> QueryValue {
        do {
            let id = try NewAccessKey.identifier("ASIA", keyring)
            let (token, secret) = try keyring.makeSessionToken(sealing: try encoded(), accessKeyID: id)
            return QueryValue([
                "AccessKeyId": .text(id),
                "SecretAccessKey": .text(secret.withBytes { String(decoding: $0, as: UTF8.self) }),
                "SessionToken": .text(token), "Expiration": expiry.queryText,
            ])
        } catch {
            throw .unavailable
        }
    }
}
