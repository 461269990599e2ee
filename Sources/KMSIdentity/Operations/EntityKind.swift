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
    static func named(_ kind: UniqueID.Kind) -> Resource {
        { (request, identities) throws(QueryFailure) in
            let name = try request.name(kind)
            return identities.identity(kind, named: name)?.arn(in: request.partition) ?? request.arn(kind, name)
        }
    }

    /// Asks policies about the user that the request names, or who asks.
    static let userOrCaller: Resource = { (request, identities) throws(QueryFailure) in
        if request.form.optional("UserName") == nil { return request.caller.principal.policyARN(in: request.partition) }
        return try named(.user)(request, identities)
    }

    /// Asks policies about one that the request is to make.
    static func new(_ kind: UniqueID.Kind) -> Resource {
        { (request, _) throws(QueryFailure) in
            request.arn(kind, path: try request.form.path(), try request.name(kind))
        }
    }

    /// Asks policies about all of a kind under a path.
    static func all(_ kind: UniqueID.Kind) -> Resource {
        { (request, _) throws(QueryFailure) in
            request.arn(kind, path: request.form.optional("PathPrefix") ?? "/", "")
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

/// A list that is answered in pages.
///
/// The marker is the name of the last entry that was shown, encoded, so that a page goes on behind it also when the entry is
/// gone.
struct Page<Element> {
    let elements: [Element]
    private let marker: String?

    /// The page of `all`, which is in the order of `name`, that the request asks for.
    init(of all: [Element], by name: (Element) -> String, _ form: Form) throws(QueryFailure) {
        let limit = try form.number("MaxItems", in: 1...1000) ?? 100
        var rest = all[...]
        if let marker = try form.optional("Marker", count: 1...320) {
            guard let bytes = Base64.decode(marker), let last = String(validating: bytes, as: UTF8.self) else {
                throw .validation("Invalid Marker.")
            }
            rest = all.drop { name($0).lowercased() <= last }
        }
        elements = Array(rest.prefix(limit))
        marker =
            rest.count > limit ? elements.last.map { Base64.encode(Array(name($0).lowercased().utf8)) } : nil
    }

    /// The answer, with the entries as `member`.
    func answer(
        _ member: String, and more: [QueryValue.Member] = [], _ show: (Element) -> QueryValue
    ) -> QueryValue {
        answer(more + [QueryValue.Member(member, .list(elements.map(show)))])
    }

    /// The answer, with the entries among `members`.
    func answer(_ members: [QueryValue.Member]) -> QueryValue {
        var members = members
        members.append(QueryValue.Member("IsTruncated", .flag(marker != nil)))
        if let marker { members.append(QueryValue.Member("Marker", .text(marker))) }
        return .structure(members)
    }
}
