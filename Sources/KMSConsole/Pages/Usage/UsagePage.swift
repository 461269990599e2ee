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

    /// Keys, counted by what they are.
    private struct Counts: Sendable {
        let id: String
        let title: String
        let rows: [Count]
        /// Why there are none.
        let refusal: Alert?
    }

    private struct Content: Sendable {
        let sections: [QuotaSection]
        let requests: RequestQuotas
        let counts: [Counts]
        let plot: Plot?
        let isCut: Bool
        /// Why there is no plot.
        let plotRefusal: Alert?
    }

    /// Shows each part for which the visitor's permissions are enough.
    func respond() async -> ConsoleResponse {
        let census = await Self.result { () async throws(ConsoleFailure) in
            try await visit.keys(withQuotaUse: true) { KeyCensus($0) }
        }
        let trail = await Self.result { () async throws(ConsoleFailure) in
            try await visit.audit(AuditQuery(countsUseOnly: true), limit: 0, days: Self.days)
        }
        let quotas = visit.engine.pipeline.quotas
        let realm = Realm(account: visit.caller.principal.account, region: visit.caller.region)
        let found = try? trail.get()
        let content = Content(
            sections: [
                QuotaSection.keys(census, quotas.resources(of: realm.account), in: visit),
                await QuotaSection.identities(in: visit),
            ],
            // How often an account calls is told by its audit log too: whoever may read that may know it.
            requests: RequestQuotas(
                found == nil ? [] : quotas.throttle.use(of: realm), refusal: trail.failure),
            counts: [
                Self.counts("states", "Keys by status", census) { $0.states.map { ($0.key ?? "not shown", $0.value) } },
                Self.counts("specs", "Keys by spec", census) { $0.specs.map { ($0.key, $0.value) } },
            ],
            plot: found.map { Plot($0.counts, of: "Uses of keys each day, the last \(Self.days) days") },
            isCut: found?.isCut ?? false, plotRefusal: trail.failure.map(Alert.init))
        return visit.page(.usage, "Usage and quotas", at: .usage, content)
    }

    private static func result<Value>(
        _ body: () async throws(ConsoleFailure) -> Value
    ) async -> Result<Value, ConsoleFailure> {
        do throws(ConsoleFailure) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    /// The most frequent first.
    private static func counts(
        _ id: String, _ title: String, _ census: Result<KeyCensus, ConsoleFailure>,
        _ counts: (KeyCensus) -> [(name: String, count: Int)]
    ) -> Counts {
        let rows = ((try? census.get()).map(counts) ?? []).map { Count(name: $0.name, count: $0.count) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
        return Counts(id: id, title: title, rows: rows, refusal: census.failure.map(Alert.init))
    }
}

extension Result {
    fileprivate var failure: Failure? {
        guard case .failure(let failure) = self else { return nil }
        return failure
    }
}
