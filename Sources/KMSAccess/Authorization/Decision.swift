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
        /// The identity policies alone: no key is involved.
        case identity
    }

    /// Why a request is refused.
    package enum Denial: Sendable, Equatable {
        /// A statement of the key policy denies it; counted from 0, as written.
        case deniedByKeyPolicy(statement: Int)
        /// The key policy admits neither the caller nor its account.
        case notInKeyPolicy
        /// The key policy leaves it to the caller's identity policies, or there is no key, and they do not allow.
        case notInIdentityPolicies
        /// The key belongs to another account, and the operation works only within one.
        case notAcrossAccounts
    }

    /// Whether the request may go on.
    package var isAllowed: Bool {
        guard case .allowed = self else { return false }
        return true
    }
}

/// What the caller's own account says, before any key policy is asked.
package enum IdentityAnswer: Sendable, Equatable {
    /// The root user, whom no policy of the account limits.
    case allows
    /// No identity policy speaks of it.
    case silent

    /// The answer while there are no identity policies: a root user may do everything, nobody else anything.
    package init(for caller: AccessCaller) {
        if case .principal(.root(_)) = caller { self = .allows } else { self = .silent }
    }
}
