import KMSAccess
import KMSEngine
import KMSModel

/// How much a region is used: what there is beside the quotas, and calls of the last days.
struct UsagePage: Sendable {
    private static let days = 30

    let visit: Visit

    private struct Count: Sendable {
        let name: String
        let count: Int
    }

    private struct Content: Sendable {
        let sections: [QuotaSection]
        let requests: RequestQuotas
        let states: [Count]
        let specs: [Count]
        let plot: Plot?
        let isCut: Bool
        /// Why there is no plot.
        let plotRefusal: String?
    }

    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        let census = try await visit.keys(withQuotaUse: true) { KeyCensus($0) }
        var (plot, isCut, refusal): (Plot?, Bool, String?) = (nil, false, nil)
        do throws(ConsoleFailure) {
            let trail = try await visit.audit(AuditQuery(countsUseOnly: true), limit: 0, days: Self.days)
            plot = Plot(trail.counts, of: "Uses of keys each day, the last \(Self.days) days")
            isCut = trail.isCut
        } catch {
            refusal = error.sentence
        }
        let quotas = visit.engine.pipeline.quotas
        let realm = Realm(account: visit.caller.principal.account, region: visit.caller.region)
        let sections = [
            QuotaSection.keys(census, quotas.resources(of: realm.account), in: visit),
            await QuotaSection.identities(in: visit),
        ]
        let states = census.states.map { ($0.key ?? "not shown", $0.value) }
        let content = Content(
            sections: sections, requests: RequestQuotas(quotas.throttle.use(of: realm)), states: Self.counts(states),
            specs: Self.counts(census.specs.map { ($0.key, $0.value) }),
            plot: plot, isCut: isCut, plotRefusal: refusal)
        return visit.page(.usage, "Usage and quotas", at: .usage, content)
    }

    /// The most frequent first.
    private static func counts(_ counts: [(name: String, count: Int)]) -> [Count] {
        counts.map { Count(name: $0.name, count: $0.count) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
}
