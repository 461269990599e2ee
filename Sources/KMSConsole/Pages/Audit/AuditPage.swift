import KMSAccess
import KMSEngine
import KMSModel

/// A record of the audit log as a row of a table.
struct AuditRow: Sendable {
    let moment: String
    let name: String
    let service: String
    let who: String
    let outcome: String
    let isRefused: Bool
    let message: String?
    let resources: [String]
    let address: String
    let id: String
    /// The record itself.
    let text: String

    init(_ event: AuditEvent) {
        moment = event.time.replacing("T", with: " ").replacing("Z", with: " UTC")
        name = event.name
        service = event.source.split(separator: ".").first.map(String.init) ?? event.source
        who = event.principal
        outcome = event.errorCode ?? "Succeeded"
        isRefused = event.errorCode != nil
        message = event.errorMessage
        resources = event.resources
        address = event.address
        id = event.id
        text = PolicyText.print(.object(event.record))
    }
}

/// The audit log of the account, searched.
struct AuditPage: Sendable {
    private static let pageSize = 100

    let visit: Visit

    /// A field of the form: what it is called, how it is filled, and what is wrong with that.
    private struct Field: Sendable {
        let id: String
        let label: String
        let value: String
        let hint: String?
        let problem: String?

        /// The identifiers of what is said about the field.
        let describedBy: String?

        init(id: String, label: String, value: String, hint: String?, problem: String?) {
            self.id = id
            self.label = label
            self.value = value
            self.hint = hint
            self.problem = problem
            let parts = [hint.map { _ in "\(id)-hint" }, problem.map { _ in "\(id)-problem" }].compactMap(\.self)
            describedBy = parts.isEmpty ? nil : parts.joined(separator: " ")
        }
    }

    private struct Content: Sendable {
        let fields: [Field]
        let outcomes: [Choice]
        let outcomeProblem: String?
        /// Nil when nothing was searched.
        let results: Results?
    }

    private struct Results: Sendable {
        let events: [AuditRow]
        let isCut: Bool
        /// Nil for a page without records.
        let range: String?
        let older: String?
    }

    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        var filter = AuditFilter(visit.request.query, in: visit.caller.region)
        if let alias = filter.alias {
            let key = try? await visit.kms(.describeKey, JSONObject(["KeyId": .string(alias)])).object("KeyMetadata")
            filter = filter.resolved(to: key?.text("KeyId"))
        }
        guard filter.problems.isEmpty else {
            let alert = ConsoleFailure(
                "ValidationException", "Nothing was searched: something has to be changed first.")
            return page(filter, nil, alert)
        }
        let trail = try await visit.audit(filter.query, limit: Self.pageSize, days: 0)
        let count = trail.events.count
        let results = Results(
            events: trail.events.map(AuditRow.init), isCut: trail.isCut,
            range: count == 0
                ? nil : "Records \(filter.shownBefore + 1) to \(filter.shownBefore + count), the newest first",
            older: trail.next.map { older(before: $0, shown: filter.shownBefore + count) })
        return page(filter, results, nil)
    }

    private func page(_ filter: AuditFilter, _ results: Results?, _ alert: ConsoleFailure?) -> ConsoleResponse {
        func field(_ field: AuditFilter.Field, _ label: String, hint: String? = nil) -> Field {
            Field(
                id: field.rawValue, label: label, value: filter.typed[field] ?? "", hint: hint,
                problem: filter.problems[field])
        }
        let outcomes = [("", "Any"), ("succeeded", "Succeeded"), ("denied", "Denied"), ("failed", "Failed otherwise")]
        let content = Content(
            fields: [
                field(.who, "Who (part of the ARN)"), field(.name, "Operation"), field(.key, "Key (ID, ARN or alias)"),
                field(.from, "From (UTC)", hint: "2026-11-28, or with a time: 2026-11-28 17:20"),
                field(.to, "To (UTC)", hint: "The day, or the minute, that is given is included."),
            ],
            outcomes: Choice.list(outcomes.map { ($0.0, $0.1) }, chosen: filter.typed[.outcome]),
            outcomeProblem: filter.problems[.outcome], results: results)
        return visit.page(.audit, "Audit", at: .audit, alert: alert, content)
    }

    /// The path of the page of what was recorded before.
    ///
    /// - Parameter shown: How many records the pages up to there have.
    private func older(before position: AuditPosition, shown: Int) -> String {
        var parts = ["before=\(position)", "shown=\(shown)"]
        for field in AuditFilter.Field.allCases {
            if let text = visit.request.query.text(field.rawValue) { parts.append("\(field.rawValue)=\(text.inQuery)") }
        }
        return "\(visit.base)/audit?" + parts.joined(separator: "&")
    }
}
