/// What makes a statement that names principals be about a caller: the narrowest thing that it lists.
package enum CallerNaming: Sendable, Equatable {
    /// This very user, session, root user or service.
    case caller
    /// The role that the caller is a session of.
    case role
    /// The caller's account, which has to allow the caller itself.
    case account
    /// Everybody, or everybody with credentials.
    case everybody
    /// All but those whom it lists: `NotPrincipal`.
    case unlisted
}

extension CallerNaming {
    /// The end of a sentence that says how a statement applies.
    var clause: String {
        switch self {
        case .caller: "it names this caller"
        case .role: "it names the caller's role"
        case .account: "it names the caller's account"
        case .everybody: "it names everybody"
        case .unlisted: "it names all but those whom it lists, and the caller is not one of them"
        }
    }
}
