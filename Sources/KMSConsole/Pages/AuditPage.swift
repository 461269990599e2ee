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

    private struct Content: Sendable {
        let events: [AuditRow]
        let isCut: Bool
        let who: String
        let name: String
        let key: String
        let from: String
        let to: String
        let outcomes: [Choice]
        let count: Int
    }

    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        let fields = visit.request.query
        let query = AuditQuery(
            principal: fields.text("who"), name: fields.text("name"), key: fields.text("key"),
            from: fields.text("from"), to: fields.text("to"),
            outcome: fields.text("outcome").flatMap(AuditQuery.Outcome.init))
        let trail = try await visit.audit(query, limit: Self.pageSize, days: 0)
        let outcomes = [("", "Any"), ("succeeded", "Succeeded"), ("denied", "Denied"), ("failed", "Failed otherwise")]
        return visit.page(
            .audit, "Audit", at: .audit,
            Content(
                events: trail.events.map(AuditRow.init), isCut: trail.isCut, who: fields["who"] ?? "",
                name: fields["name"] ?? "", key: fields["key"] ?? "", from: fields["from"] ?? "",
                to: fields["to"] ?? "",
                outcomes: Choice.list(outcomes.map { ($0.0, $0.1) }, chosen: fields["outcome"] ?? ""),
                count: trail.events.count))
    }
}
