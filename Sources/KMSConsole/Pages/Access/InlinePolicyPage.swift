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
        guard visit.request.isPost else { return show(try await document(), nil) }
        do throws(ConsoleFailure) {
            return visit.done(try await change(), goingTo: subject.path(in: visit))
        } catch {
            let failure = error
            guard let document = try? await document() else { throw failure }
            return show(document, failure)
        }
    }

    /// What the editor shows: what was typed, or else what is there.
    private func document() async throws(ConsoleFailure) -> String {
        if let typed = form["document"] { return typed }
        guard let stored else { return PolicyExamples.document(for: visit.caller) }
        let answer = try await visit.iam("Get\(word)Policy", members(stored))
        return answer.document("PolicyDocument").map(PolicyLayout.readable) ?? ""
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
