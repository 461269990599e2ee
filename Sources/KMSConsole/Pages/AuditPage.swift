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
    /// How far back pages go; a narrower search goes further.
    private static let mostSkipped = 100_000

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
        let first: Int
        let last: Int
        let older: String?
    }

    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        let fields = visit.request.query
        let skip = max(0, min(Self.mostSkipped, fields.text("skip").flatMap { Int($0) } ?? 0))
        let query = AuditQuery(
            principal: fields.text("who"), name: fields.text("name"), key: fields.text("key"),
            from: fields.text("from"), to: fields.text("to"),
            outcome: fields.text("outcome").flatMap(AuditQuery.Outcome.init),
            until: fields.text("until"), skip: skip)
        let trail = try await visit.audit(query, limit: Self.pageSize, days: 0)
        let outcomes = [("", "Any"), ("succeeded", "Succeeded"), ("denied", "Denied"), ("failed", "Failed otherwise")]
        return visit.page(
            .audit, "Audit", at: .audit,
            Content(
                events: trail.events.map(AuditRow.init), isCut: trail.isCut, who: fields["who"] ?? "",
                name: fields["name"] ?? "", key: fields["key"] ?? "", from: fields["from"] ?? "",
                to: fields["to"] ?? "",
                outcomes: Choice.list(outcomes.map { ($0.0, $0.1) }, chosen: fields["outcome"] ?? ""),
                first: trail.events.isEmpty ? 0 : skip + 1, last: skip + trail.events.count,
                older: trail.hasMore ? older(than: trail.events.first, skipping: skip + Self.pageSize) : nil))
    }

    /// The path of the page behind this one: of the log as it was when the first page was shown.
    private func older(than first: AuditEvent?, skipping count: Int) -> String {
        let fields = visit.request.query
        var parts = ["skip=\(count)", "until=\((fields.text("until") ?? first?.time ?? "").inQuery)"]
        for name in ["who", "name", "key", "from", "to", "outcome"] {
            if let text = fields.text(name) { parts.append("\(name)=\(text.inQuery)") }
        }
        return "\(visit.base)/audit?" + parts.joined(separator: "&")
    }
}
