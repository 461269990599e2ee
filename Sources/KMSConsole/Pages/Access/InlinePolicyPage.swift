import KMSIdentity

/// A policy that belongs to one user, group or role: where it is read, written and deleted.
struct InlinePolicyPage: Sendable {
    let visit: Visit
    let subject: AccessSubject

    private struct Content: Sendable {
        let owner: AccessLink
        let here: String
        let name: String
        /// Whether there is such a policy: it keeps its name then.
        let isStored: Bool
        let document: String
    }

    private var form: FormFields { visit.request.form }
    /// The policy that is there already.
    private var stored: String? { visit.request.query["policy"] }
    private var word: String { subject.kind.word }

    private func members(_ name: String) -> [String: String] {
        subject.members.merging(["PolicyName": name]) { $1 }
    }

    /// Shows the editor, or does what it says.
    ///
    /// - Throws: ``ConsoleFailure``.
    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        if visit.isShownAgain { return show(form["document"] ?? "", nil) }
        guard visit.request.isPost else {
            guard let stored else { return show(PolicyExamples.document(for: visit.caller), nil) }
            let answer = try await visit.iam("Get\(word)Policy", members(stored))
            return show(answer.document("PolicyDocument").map(PolicyLayout.readable) ?? "", nil)
        }
        do throws(ConsoleFailure) {
            return visit.done(try await change(), goingTo: subject.path(in: visit))
        } catch {
            return show(form["document"] ?? "", error)
        }
    }

    private func change() async throws(ConsoleFailure) -> String {
        if let stored, form.has("delete") {
            try await visit.iam("Delete\(word)Policy", members(stored))
            return "The policy \(stored) was deleted."
        }
        let name = stored ?? form.text("name") ?? ""
        var members = members(name)
        members["PolicyDocument"] = form["document"] ?? ""
        try await visit.iam("Put\(word)Policy", members)
        return "The policy \(name) was saved."
    }

    private func show(_ document: String, _ failure: ConsoleFailure?) -> ConsoleResponse {
        let title = stored.map { "Inline policy \($0)" } ?? "New inline policy"
        return visit.page(
            .accessInline, title, at: .access, alert: failure,
            Content(
                owner: visit.link(subject.kind, "\(word) \(subject.id)", id: subject.id),
                here: subject.inlinePath(stored, in: visit), name: stored ?? form["name"] ?? "",
                isStored: stored != nil, document: document))
    }
}
