import KMSIdentity

/// All users, groups, roles or customer managed policies, in the pages that IAM itself makes.
struct AccessListPage: Sendable {
    private static let pageSize = "50"

    let visit: Visit
    let kind: AccessKind

    private struct Row: Sendable {
        let name: String
        let href: String
        let arn: String
        let creation: Moment?
        let more: String
    }

    private struct Content: Sendable {
        let tabs: [AccessLink]
        let noun: String
        let creationPath: String
        let pathPrefix: String
        /// The head of the last column, if there is one.
        let moreHead: String?
        let rows: [Row]
        let first: String?
        let next: String?
    }

    private var here: String { "\(visit.base)/access/\(kind.plural)" }

    /// Shows the list.
    ///
    /// - Throws: ``ConsoleFailure``.
    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        let query = visit.request.query
        let prefix = query.text("path")
        var members = ["MaxItems": Self.pageSize]
        members["Marker"] = query.text("marker")
        members["PathPrefix"] = prefix
        if kind == .policy { members["Scope"] = "Local" }
        let answer: QueryValue
        var alert: ConsoleFailure?
        do throws(ConsoleFailure) {
            answer = try await visit.iam("List\(kind.listMember)", members)
        } catch {
            guard !error.isDenial else { throw error }
            alert = error
            answer = .structure([])
        }
        let search = prefix.map { "path=\($0.inQuery)" }
        let content = Content(
            tabs: AccessKind.allCases.map { other in
                AccessLink(
                    name: other.title, href: "\(visit.base)/access/\(other.plural)", value: "",
                    isCurrent: other == kind)
            },
            noun: kind.rawValue, creationPath: "\(here)/create", pathPrefix: prefix ?? "",
            moreHead: kind == .role ? "Description" : kind == .policy ? "Attached to" : nil,
            rows: answer.list(kind.listMember).map(row),
            first: query.text("marker").map { _ in here + (search.map { "?\($0)" } ?? "") },
            next: answer.nextMarker.map { "\(here)?marker=\($0.inQuery)" + (search.map { "&\($0)" } ?? "") })
        return visit.page(.accessList, kind.title, at: .access, alert: alert, content)
    }

    private func row(_ entry: QueryValue) -> Row {
        let name = entry.text(kind.nameMember) ?? ""
        let arn = entry.text("Arn") ?? ""
        let subject = AccessSubject(kind: kind, id: kind == .policy ? arn : name)
        return Row(
            name: name, href: subject.path(in: visit), arn: arn, creation: entry.moment("CreateDate"),
            more: entry.text(kind == .policy ? "AttachmentCount" : "Description") ?? "")
    }
}
