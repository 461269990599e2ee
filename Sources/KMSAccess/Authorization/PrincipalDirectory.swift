package import KMSModel

/// Who exists, as far as this server can know.
package protocol PrincipalDirectory {
    /// Whether the account is one of this server's, so that its users and roles are known here.
    func hosts(_ account: AccountID) -> Bool
    /// Whether the account has a user of exactly this path and name.
    func hasUser(_ account: AccountID, path: String, name: String) -> Bool
    /// Whether the account has a role of exactly this name, and of this path unless it is nil.
    func hasRole(_ account: AccountID, path: String?, name: String) -> Bool
}

extension PolicyDocument {
    /// Asks whether everybody whom the policy names can be named in a policy that is written now.
    ///
    /// Users and roles of this server's accounts must exist. Those of other accounts cannot be asked about, so every
    /// well-formed ARN of theirs passes, as every session name does.
    ///
    /// - Throws: ``PolicyFailure/invalidPrincipal``, also for the unique identifier of a deleted principal.
    package func checkPrincipals(in directory: some PrincipalDirectory) throws(PolicyFailure) {
        for statement in statements {
            for principal in statement.principals?.elements ?? [] where !principal.canBeNamed(in: directory) {
                throw .invalidPrincipal
            }
        }
    }
}

extension PolicyPrincipal {
    /// Whether a grant can be made to this principal now: a user, a role, a session or an account's root user.
    package func canBeGranted(in directory: some PrincipalDirectory) -> Bool {
        switch self {
        case .anyone, .anyIdentity, .service, .uniqueID: false
        case .account, .user, .role, .roleSession, .federatedUser: canBeNamed(in: directory)
        }
    }

    /// The account that the principal is of; services and everybody have none.
    package var account: AccountID? {
        switch self {
        case .account(let account), .user(let account, _, _), .role(let account, _, _),
            .roleSession(let account, _, _), .federatedUser(let account, _):
            account
        case .anyone, .anyIdentity, .service, .uniqueID: nil
        }
    }

    fileprivate func canBeNamed(in directory: some PrincipalDirectory) -> Bool {
        switch self {
        case .anyone, .anyIdentity, .account, .service, .federatedUser: true
        case .user(let account, let path, let name):
            !directory.hosts(account) || directory.hasUser(account, path: path, name: name)
        case .role(let account, let path, let name):
            !directory.hosts(account) || directory.hasRole(account, path: path, name: name)
        case .roleSession(let account, let role, _):
            !directory.hosts(account) || directory.hasRole(account, path: nil, name: role)
        case .uniqueID: false
        }
    }
}
