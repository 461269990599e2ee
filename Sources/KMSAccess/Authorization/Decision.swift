import KMSModel

/// The answer to an ``AccessQuestion``, with its reason.
package enum Decision: Sendable, Equatable {
    /// The caller may.
    case allowed(Grounds)
    /// The caller may not.
    case denied(Denial)

    /// What an allowed request rests on.
    ///
    /// Statements are counted from 0, as written.
    package enum Grounds: Sendable, Equatable {
        /// The key policy admits the caller by itself.
        case keyPolicy(statement: Int)
        /// The key policy admits the caller or its account, and the caller's identity policies allow.
        case keyPolicyAndIdentity(statement: Int)
        /// A grant admits the caller by itself.
        case grant
        /// A grant admits the caller or its account, and the caller's identity policies allow.
        case grantAndIdentity
        /// The identity policies alone: no key is involved.
        case identity

        /// Whether a grant is needed for it, so that what is done has the grant's bounds.
        package var isGrant: Bool { self == .grant || self == .grantAndIdentity }
    }

    /// Why a request is denied.
    package enum Denial: Sendable, Equatable {
        /// A `Deny` of the key policy applies.
        case deniedByKeyPolicy(statement: Int)
        /// A `Deny` of an identity policy applies.
        case deniedByIdentityPolicy
        /// A `Deny` of the permissions boundary applies.
        case deniedByBoundary
        /// A `Deny` of a session policy applies.
        case deniedBySessionPolicy
        /// The key policy admits neither the caller nor its account, and no grant does.
        case notInKeyPolicy
        /// The key policy or a grant leaves it to the caller's identity policies, or there is no key, and they do not allow.
        case notInIdentityPolicies
        /// The permissions boundary does not allow.
        case notInBoundary
        /// The session was begun with policies, and they do not allow.
        case notInSessionPolicies
        /// The key belongs to another account, and the operation works only within one.
        case notAcrossAccounts
    }

    /// Whether the request may go on.
    package var isAllowed: Bool {
        guard case .allowed = self else { return false }
        return true
    }
}
