import KMSAccess
import KMSEngine
import KMSModel

/// How much a region is used: keys beside the quotas, and calls of the last days.
struct UsagePage: Sendable {
    private static let days = 30

    let visit: Visit
    private var realm: Realm { Realm(account: visit.caller.principal.account, region: visit.caller.region) }

    private struct Quota: Sendable {
        let name: String
        let used: Int
        let limit: Int
    }

    private struct Count: Sendable {
        let name: String
        let count: Int
    }

    private struct Content: Sendable {
        let quotas: [Quota]
        let requests: RequestQuotas
        let states: [Count]
        let specs: [Count]
        let plot: Plot?
        let isCut: Bool
        /// Why there is no plot.
        let refusal: String?
    }

    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        let keys = try await visit.keyOverviews { $0.details?.manager != .aws }
        var (plot, isCut, refusal): (Plot?, Bool, String?) = (nil, false, nil)
        do throws(ConsoleFailure) {
            let trail = try await visit.audit(AuditQuery(countsUseOnly: true), limit: 0, days: Self.days)
            plot = Plot(trail.counts, of: "Uses of keys each day, the last \(Self.days) days")
            isCut = trail.isCut
        } catch {
            refusal = error.sentence
        }
        let content = Content(
            quotas: quotas(of: keys), requests: RequestQuotas(visit.engine.pipeline.quotas.throttle.use(of: realm)),
            states: Self.counts(keys.map { $0.details?.state.rawValue ?? "not shown" }),
            specs: Self.counts(keys.compactMap { $0.details?.spec.rawValue }), plot: plot, isCut: isCut,
            refusal: refusal)
        return visit.page(.usage, "Usage and quotas", at: .usage, content)
    }

    private func quotas(of keys: [KeyOverview]) -> [Quota] {
        let quotas = visit.engine.pipeline.quotas.resources(of: realm.account)
        return [
            Quota(name: "Customer managed keys", used: keys.count, limit: quotas.keysPerRealm),
            Quota(
                name: "Aliases of the key that has most", used: keys.map(\.aliases.count).max() ?? 0,
                limit: quotas.aliasesPerKey),
            Quota(
                name: "Tags of the key that has most", used: keys.compactMap(\.tags?.count).max() ?? 0,
                limit: ResourceQuotas.tagsPerKey),
        ]
    }

    /// How often each name is there, the most frequent first.
    private static func counts(_ names: [String]) -> [Count] {
        Dictionary(grouping: names, by: \.self).map { Count(name: $0.key, count: $0.value.count) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
}
