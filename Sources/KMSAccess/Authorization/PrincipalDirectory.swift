package import KMSModel

/// Who exists, as far as this server can know.
package protocol PrincipalDirectory {
    /// Whether the account is one of this server's, so that its users and roles are known here.
    func hosts(_ account: AccountID) -> Bool
    /// The identifier of the account's user of exactly this path and name.
    func userID(_ account: AccountID, path: String, name: String) -> UniqueID?
    /// The identifier of the account's role of exactly this name, and of this path unless it is nil.
    func roleID(_ account: AccountID, path: String?, name: String) -> UniqueID?
    /// The user of this identifier as it is called now, or a session of a role as its ARN names it: a session without a name
    /// stands for the role itself.
    func principal(_ id: UniqueID) -> Principal?
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
        case .anyone, .anyIdentity, .service, .uniqueID, .uniqueSession, .federatedProvider: false
        case .account, .user, .role, .roleSession, .federatedUser: canBeNamed(in: directory)
        }
    }

    /// The principal as a policy writes it.
    package func text(in partition: Partition) -> String {
        switch self {
        case .anyone, .anyIdentity: "*"
        case .account(let account): Principal.root(account).arn(in: partition)
        case .user(let account, let path, let name): "arn:\(partition.rawValue):iam::\(account):user\(path)\(name)"
        case .role(let account, let path, let name): "arn:\(partition.rawValue):iam::\(account):role\(path)\(name)"
        case .roleSession(let account, let role, let session):
            "arn:\(partition.rawValue):sts::\(account):assumed-role/\(role)/\(session)"
        case .federatedUser(let account, let name):
            "arn:\(partition.rawValue):sts::\(account):federated-user/\(name)"
        case .service(let name), .federatedProvider(let name): name
        case .uniqueID(let id): id.description
        case .uniqueSession(let id, let session): "\(id):\(session)"
        }
    }

    /// The account that the principal is of; services, everybody, and who is known by an identifier only, have none.
    package var account: AccountID? {
        switch self {
        case .account(let account), .user(let account, _, _), .role(let account, _, _),
            .roleSession(let account, _, _), .federatedUser(let account, _):
            account
        case .anyone, .anyIdentity, .service, .uniqueID, .uniqueSession, .federatedProvider: nil
        }
    }

    /// Whether the principal exists, as far as can be known.
    package func canBeNamed(in directory: some PrincipalDirectory) -> Bool {
        switch self {
        case .anyone, .anyIdentity, .account, .service, .federatedUser, .federatedProvider: true
        case .user(let account, _, _), .role(let account, _, _), .roleSession(let account, _, _):
            !directory.hosts(account) || bound(in: directory) != nil
        case .uniqueID, .uniqueSession: false
        }
    }

    /// The unique identifier of a user or role that exists, as policies and grants are stored with it: whoever gets the same
    /// name later is somebody else.
    ///
    /// Source: IAM User Guide, "AWS JSON policy elements: Principal".
    ///
    /// - Returns: Nil for whatever is stored as it is written.
    package func bound(in directory: some PrincipalDirectory) -> String? {
        switch self {
        case .user(let account, let path, let name):
            directory.userID(account, path: path, name: name)?.description
        case .role(let account, let path, let name):
            directory.roleID(account, path: path, name: name)?.description
        case .roleSession(let account, let role, let session):
            directory.roleID(account, path: nil, name: role).map { "\($0):\(session)" }
        case .anyone, .anyIdentity, .account, .service, .federatedUser, .federatedProvider, .uniqueID, .uniqueSession:
            nil
        }
    }

    /// The ARN of a user, role or session that is stored by its unique identifier, as it is called now.
    ///
    /// - Returns: Nil when whoever was meant is gone, and for whatever is not stored by an identifier.
    package func arn(in partition: Partition, from directory: some PrincipalDirectory) -> String? {
        switch self {
        case .uniqueID(let id):
            return directory.principal(id)?.policyARN(in: partition)
        case .uniqueSession(let id, let session):
            guard case .roleSession(let account, let path, let role, _, _)? = directory.principal(id) else {
                return nil
            }
            return Principal.roleSession(account, path: path, role: role, session: session, id: id).arn(in: partition)
        default: return nil
        }
    }
}
