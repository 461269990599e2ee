/// Users, groups, roles and managed policies.
struct AccessPages: Sendable {
    let visit: Visit

    /// Answers a request of a page.
    ///
    /// - Parameter rest: The parts of the path behind `access`.
    /// - Returns: Nil when there is no such page.
    /// - Throws: ``ConsoleFailure``.
    func respond(to rest: [String]) async throws(ConsoleFailure) -> ConsoleResponse? {
        guard let first = rest.first else { return .seeOther("\(visit.base)/access/\(AccessKind.user.plural)") }
        let more = Array(rest.dropFirst())
        if rest == [NewAccessKeyPage.name] { return NewAccessKeyPage(visit: visit).respond() }
        if let kind = AccessKind.allCases.first(where: { $0.plural == first }) {
            switch more {
            case []: return try await AccessListPage(visit: visit, kind: kind).respond()
            case ["create"]: return try await AccessCreationPage(visit: visit, kind: kind).respond()
            default: return nil
            }
        }
        guard let kind = AccessKind(rawValue: first), let id = visit.request.query["id"] else { return nil }
        let subject = AccessSubject(kind: kind, id: id)
        switch more {
        case []: return try await AccessSubjectPage(visit: visit, subject: subject).respond()
        case ["inline"] where kind.isIdentity:
            return try await InlinePolicyPage(visit: visit, subject: subject).respond()
        default: return nil
        }
    }
}

/// A link with its text.
struct AccessLink: Sendable {
    let name: String
    let href: String
    /// What is used where the name does not say which one is meant.
    var value: String
    var isCurrent = false
}
