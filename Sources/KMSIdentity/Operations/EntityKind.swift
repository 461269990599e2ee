import KMSAccess
import KMSModel

// What users, groups and roles have in common, and how each is called.

extension UniqueID.Kind {
    /// The word in names of operations and members, such as `User`.
    var word: String {
        switch self {
        case .user: "User"
        case .group: "Group"
        case .role: "Role"
        case .policy: "Policy"
        }
    }

    /// The member that names one, such as `UserName`.
    var nameMember: String { "\(word)Name" }

    /// The member that names one, as a text.
    var nameField: FormMember { FormMember(stringLiteral: nameMember) }

    /// The most characters of a name (IAM API Reference).
    var longestName: Int {
        switch self {
        case .user, .role: 64
        case .group, .policy: 128
        }
    }

    /// What a caller learns when there is none of this name.
    func missing(_ name: String) -> QueryFailure {
        .noSuchEntity("The \(noun) with name \(name) cannot be found.")
    }
}

extension IdentityRequest {
    /// The name that the request gives.
    func name(_ kind: UniqueID.Kind) throws(QueryFailure) -> String {
        try form.name(kind.nameMember, longest: kind.longestName)
    }

    /// The user, group or role that the request names.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `NoSuchEntity`.
    func existing(_ kind: UniqueID.Kind, in identities: AccountIdentities) throws(QueryFailure) -> Identity {
        let name = try name(kind)
        guard let identity = identities.identity(kind, named: name) else { throw kind.missing(name) }
        return identity
    }

    /// The user that the request names, or who asks.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `NoSuchEntity`.
    func userOrCaller(in identities: AccountIdentities) throws(QueryFailure) -> Identity {
        guard form.optional("UserName") == nil else { return try existing(.user, in: identities) }
        guard let id = caller.principal.id, id.kind == .user, let user = identities.identity(id) else {
            throw .validation("Must specify userName when calling with non-User credentials")
        }
        return user
    }
}

extension IdentityOperation {
    /// Asks policies about the user, group or role that the request names, as it is called if it exists.
    static func named(_ kind: UniqueID.Kind) -> Resources {
        { (request, identities) throws(QueryFailure) in
            let name = try request.name(kind)
            let known = identities.identity(kind, named: name)?.arn
            return [IdentityResource(known ?? request.arn(kind, name))]
        }
    }

    /// Asks policies about the user or group that the request names, and about what it is to become.
    ///
    /// Source: IAM API Reference, UpdateUser and UpdateGroup.
    static func renamed(_ kind: UniqueID.Kind) -> Resources {
        { (request, identities) throws(QueryFailure) in
            let name = try request.name(kind)
            let record = identities.identity(kind, named: name)?.record
            let next = request.arn(
                kind, path: try request.newPath() ?? record?.path ?? "/",
                try request.newName(kind) ?? record?.name ?? name)
            return try named(kind)(request, identities) + [IdentityResource(next)]
        }
    }

    /// Asks policies about the user that the request names, or who asks.
    static let userOrCaller: Resources = { (request, identities) throws(QueryFailure) in
        if request.form.optional("UserName") == nil {
            return [IdentityResource(request.caller.principal.policyARN(in: request.partition))]
        }
        return try named(.user)(request, identities)
    }

    /// Asks policies about one that the request is to make.
    static func new(_ kind: UniqueID.Kind) -> Resources {
        { (request, _) throws(QueryFailure) in
            [IdentityResource(request.arn(kind, path: try request.form.path(), try request.name(kind)))]
        }
    }

    /// Asks policies about all of a kind under a path.
    static func all(_ kind: UniqueID.Kind) -> Resources {
        { (request, _) throws(QueryFailure) in
            [IdentityResource(request.arn(kind, path: try request.form.pathPrefix(), ""))]
        }
    }
}

extension AccountIdentities {
    /// Refuses a name that is taken, and one more than there may be.
    func checkRoom(for name: String, _ kind: UniqueID.Kind) throws(QueryFailure) {
        guard identity(kind, named: name) == nil else {
            throw .alreadyExists("\(kind.word) with name \(name) already exists.")
        }
        let quota = IdentityQuota.entities(kind)
        guard count(of: kind) < quota else {
            throw .limitExceeded("Cannot exceed quota for \(kind.word)sPerAccount: \(quota)")
        }
    }
}
