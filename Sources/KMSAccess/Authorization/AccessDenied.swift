package import KMSModel

/// AWS's sentences for requests that are not authorized.
///
/// Source: recorded answers of AWS KMS. Whoever asks about a key of another account learns nothing that tells a key that
/// is not theirs from one that is not there.
extension KMSError {
    /// The answer to a question that was denied.
    ///
    /// - Parameter partition: The partition that the caller's ARN is shown in.
    package static func accessDenied(
        _ question: AccessQuestion, because denial: Decision.Denial, in partition: Partition
    ) -> Self {
        let place: String
        switch question.resource {
        case .key where question.isForeign:
            // What the caller's own account refuses tells nothing of the other's key.
            guard denial.isOfOwnAccount else {
                return accessDeniedToHiddenKey(question.caller, doing: question.action, in: partition)
            }
            place = "on this resource"
        case .key(let name, _), .outsideKeyPolicies(let name):
            place = "on resource: \(name)"
        }
        let reason = reason(denial, question.action)
        return accessDenied(question.caller, question.action, "\(place) \(reason)", partition)
    }

    /// The answer about a key of another account that does not exist or is not shared with the caller.
    package static func accessDeniedToHiddenKey(
        _ caller: AccessCaller, doing action: ActionName, in partition: Partition
    ) -> Self {
        accessDenied(caller, action, "on this resource \(hiddenReason)", partition)
    }

    /// The answer to a ciphertext whose key, which the request does not name, is another account's or unknown.
    package static func accessDeniedToHiddenKeyOfCiphertext(
        _ caller: AccessCaller, doing action: ActionName, in partition: Partition
    ) -> Self {
        accessDenied(caller, action, "on the resource associated with this ciphertext \(hiddenReason)", partition)
    }

    private static func accessDenied(
        _ caller: AccessCaller, _ action: ActionName, _ rest: String, _ partition: Partition
    ) -> Self {
        Self(.accessDenied, "User: \(caller.name(in: partition)) is not authorized to perform: \(action) \(rest)")
    }

    private static let hiddenReason = """
        because the resource does not exist in this Region, no resource-based policies allow access, or a \
        resource-based policy explicitly denies access
        """

    private static func reason(_ denial: Decision.Denial, _ action: ActionName) -> String {
        switch denial {
        case .deniedByKeyPolicy: "with an explicit deny in a resource-based policy"
        case .deniedByIdentityPolicy: "with an explicit deny in an identity-based policy"
        case .deniedByBoundary: "with an explicit deny in a permissions boundary"
        case .deniedBySessionPolicy: "with an explicit deny in a session policy"
        case .notInKeyPolicy: "because no resource-based policy allows the \(action) action"
        case .notInIdentityPolicies: "because no identity-based policy allows the \(action) action"
        case .notInBoundary: "because no permissions boundary allows the \(action) action"
        case .notInSessionPolicies: "because no session policy allows the \(action) action"
        case .notAcrossAccounts: hiddenReason
        }
    }
}

extension Decision.Denial {
    /// Whether the caller's own account refuses, which tells nothing of a key.
    package var isOfOwnAccount: Bool {
        switch self {
        case .deniedByKeyPolicy, .notInKeyPolicy, .notAcrossAccounts: false
        case .deniedByIdentityPolicy, .deniedByBoundary, .deniedBySessionPolicy, .notInIdentityPolicies, .notInBoundary,
            .notInSessionPolicies:
            true
        }
    }
}
