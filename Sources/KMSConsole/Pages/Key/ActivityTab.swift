import KMSEngine
import KMSModel

/// Who did what with a key lately, by the audit log.
struct ActivityTab: KeyTab {
    static let template = Templates.Name.keyActivity
    /// How many days the plot has.
    private static let days = 30

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    struct Content: Sendable {
        let events: [AuditRow]
        let plot: Plot
        let isCut: Bool
        let more: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        let trail = try await page.visit.audit(
            AuditQuery(key: key.text("Arn"), omitsReads: true, countsUseOnly: true), limit: 25, days: Self.days)
        return Content(
            events: trail.events.map(AuditRow.init),
            plot: Plot(trail.counts, of: "Uses of the key each day, the last \(Self.days) days"), isCut: trail.isCut,
            more: "\(page.visit.base)/audit?key=\(page.id)")
    }
}
