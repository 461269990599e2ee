import KMSIdentity

/// All of a user, a group, a role or a managed policy, with what can be done to it.
///
/// What the four have in common is shown by the same parts of one page; each has the parts that its kind has.
struct AccessSubjectPage: Sendable {
    let visit: Visit
    let subject: AccessSubject

    struct Fact: Sendable {
        let name: String
        let value: String
    }

    struct Content: Sendable {
        let noun: String
        let list: String
        let listName: String
        /// Where the page's forms are sent.
        let here: String
        let facts: [Fact]
        /// Where the decisions on a user or a role are explained.
        let explanation: String?
        let obstacles: String
        let parts: AccessParts
        let typed: Typed
    }

    /// What stands in fields: what was typed when it was refused.
    struct Typed: Sendable {
        let attach: String
        let join: String
        let tag: String
        let tagValue: String
    }

    private var form: FormFields { visit.request.form }
    private var kind: AccessKind { subject.kind }
    private var list: String { "\(visit.base)/access/\(kind.plural)" }

    /// Shows the page, or does what a form of it says.
    ///
    /// - Throws: ``ConsoleFailure``.
    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        guard visit.request.isPost else { return try await show(nil) }
        do throws(ConsoleFailure) {
            guard let change = AccessChange.of(form) else {
                throw ConsoleFailure("ValidationError", "Choose what to do.")
            }
            let call = change.call(on: subject, form)
            let answer = try await visit.iam(call.action, call.members)
            if change == .createKey { return try NewAccessKeyPage.lead(visit, to: answer["AccessKey"]) }
            return visit.done(call.notice, goingTo: change == .delete ? list : subject.path(in: visit))
        } catch {
            return try await show(error)
        }
    }

    private func show(_ failure: ConsoleFailure?) async throws(ConsoleFailure) -> ConsoleResponse {
        var members = subject.members
        if kind == .group {
            members["MaxItems"] = Visit.mostEntries
            members["Marker"] = visit.request.query.text("marker")
        }
        let answer: QueryValue
        do throws(ConsoleFailure) {
            answer = try await visit.iam("Get\(kind.word)", members)
        } catch {
            // Whoever may not see it learns what became of the change, and nothing else.
            throw failure ?? error
        }
        let found = answer[kind.word] ?? .structure([])
        let name = found.text(kind.nameMember) ?? subject.id
        let content = Content(
            noun: kind.rawValue, list: list, listName: kind.title, here: subject.path(in: visit),
            facts: facts(found),
            explanation: kind.canBeBounded
                ? found.text("Arn").map { "\(visit.base)/explain?principal=\($0.inQuery)" } : nil,
            obstacles: kind.obstacles,
            parts: await AccessParts(of: subject, found, answer, visit),
            typed: Typed(
                attach: form["attach"] ?? "", join: form["join"] ?? "", tag: form["tag"] ?? "",
                tagValue: form["tag-value"] ?? ""))
        return visit.page(.accessSubject, "\(kind.word) \(name)", at: .access, alert: failure, content)
    }

    private func facts(_ found: QueryValue) -> [Fact] {
        let shown: [(String, String?)] = [
            ("ARN", found.text("Arn")), ("Path", found.text("Path")), ("Unique ID", found.text("\(kind.word)Id")),
            ("Description", found.text("Description")), ("Created", found.moment("CreateDate")?.text),
            ("Changed", found.moment("UpdateDate")?.text), ("Version in force", found.text("DefaultVersionId")),
        ]
        return shown.compactMap { name, value in value.map { Fact(name: name, value: $0) } }
    }
}
