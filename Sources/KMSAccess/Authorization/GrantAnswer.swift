/// What the grants on a key say to one question; a grant never denies.
///
/// Source: KMS Developer Guide, "Grants in AWS KMS".
package enum GrantAnswer: Int, Sendable, Comparable {
    case silent
    /// One allows the caller's account, which has to allow the caller.
    case allowsAccount
    /// One allows the caller's role: what narrows the role or the session still does.
    case allowsRole
    /// One allows this very user or session.
    case allowsCaller

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
