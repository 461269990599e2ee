import Foundation
import KMSAccess
import KMSIdentity
import KMSModel

/// What policies can ask of a request whatever it asks for: who sends it, when, and from where.
///
/// Source: IAM User Guide, "AWS global condition context keys".
struct RequestCircumstances: ConditionSource {
    let caller: Caller
    let client: Client
    let now: Date
    let identities: IdentityDirectory

    func values(of key: ConditionKey) -> ConditionValues {
        switch key {
        case .named(let name): values(of: name)
        case .principalTag(let name): ConditionValues(identities.tag(name, of: caller))
        case .encryptionContext, .requestTag, .resourceTag, .identityResourceTag, .unknown: .absent
        }
    }

    func steps(toFind key: ConditionKey) -> Int {
        // Each of the tags of the caller and of the session is looked at.
        switch key {
        case .principalTag: 2 * Form.mostTags * EvaluationBudget.stepsPerPair
        // They are put together anew each time.
        case .named(.principalARN), .named(.currentTime), .named(.epochTime), .named(.tokenIssueTime), .named(.userID):
            EvaluationBudget.longLookUp
        default: 0
        }
    }

    private func values(of name: ConditionKey.Name) -> ConditionValues {
        let principal = caller.principal
        switch name {
        case .currentTime: return .one(UTCTime(now).iso8601)
        case .epochTime: return .one(String(Int(now.timeIntervalSince1970)))
        case .principalAccount: return .one(principal.account.description)
        case .principalARN: return .one(principal.policyARN(in: caller.partition))
        case .principalIsAWSService, .viaAWSService: return .one("false")
        case .secureTransport: return .one(client.isSecure ? "true" : "false")
        case .principalType: return .one(principal.type)
        case .requestedRegion: return .one(caller.region.description)
        case .sourceIP: return .one(client.address)
        case .userAgent: return ConditionValues(client.userAgent)
        case .referer: return ConditionValues(client.referer)
        case .userID: return .one(principal.userID)
        case .username:
            if case .user(_, _, let name, _) = principal { return .one(name) }
            return .absent
        case .tokenIssueTime: return ConditionValues(caller.session.map { UTCTime($0.record.issueDate).iso8601 })
        // No credential of this server comes with a second factor.
        case .multiFactorAuthPresent: return caller.session == nil ? .absent : .one("false")
        case .sourceIdentity: return ConditionValues(caller.session?.record.sourceIdentity)
        default: return .absent
        }
    }
}

extension Principal {
    /// The value of `aws:PrincipalType`.
    fileprivate var type: String {
        switch self {
        case .root: "Account"
        case .user: "User"
        case .roleSession: "AssumedRole"
        }
    }
}
