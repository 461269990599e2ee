import KMSEngine
import KMSModel

/// All keys of a region: those that the customer administers, or those of AWS services.
struct KeyListPage: Sendable {
    private static let pageSize = 25

    let visit: Visit
    let place: Visit.Place
    let query: KeyListQuery

    init(_ visit: Visit, _ place: Visit.Place) {
        self.visit = visit
        self.place = place
        query = KeyListQuery(visit.request.query)
    }

    struct Row: Sendable {
        let id: String
        /// Whether it is ticked: what was refused can be tried again.
        let isChosen: Bool
        let href: String
        let alias: String?
        /// How many names there are beside the first.
        let moreAliases: Int?
        let state: String
        let isEnabled: Bool
        let spec: String
        let usage: String
        let creation: Moment?
        let tags: [String]
    }

    private struct Content: Sendable {
        let isCustomers: Bool
        let rows: [Row]
        let count: Int
        let total: Int
        let query: KeyListQuery.Fields
        let columns: [KeyListQuery.Column]
        let states: [Choice]
        let previous: String?
        let next: String?
        let here: String
        let base: String
        let outcome: BulkChange.Outcome?
        let typedTagKey: String
        let typedTagValue: String
    }

    /// Shows the list, or does what is to be done to the keys that are ticked.
    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        let change = BulkChange(visit)
        if change.needsConfirmation { return await change.confirmation(returningTo: path(page: query.page)) }
        guard visit.request.isPost else { return try await list(nil) }
        guard change.hasKeys else {
            return try await list(nil, ConsoleFailure("ValidationException", "No key was chosen. Nothing was done."))
        }
        let outcome = await change.make()
        guard outcome.failures.isEmpty, let done = outcome.done else { return try await list(outcome) }
        return visit.done(done, goingTo: path(page: query.page))
    }

    private func list(
        _ outcome: BulkChange.Outcome?, _ alert: ConsoleFailure? = nil
    ) async throws(ConsoleFailure) -> ConsoleResponse {
        let found = try await visit.keys { [query, isManaged = place == .managed] keys in
            query.page(of: keys.lazy.filter { ($0.details?.manager == .aws) == isManaged }, size: Self.pageSize)
        }
        let page = found.number
        let refused = Set(outcome?.failures.map(\.key) ?? (visit.isShownAgain ? visit.request.form.all("key") : []))
        var rows: [Row] = []
        for overview in found.keys {
            rows.append(await row(overview, isChosen: refused.contains(overview.keyID.description)))
        }
        let content = Content(
            isCustomers: place == .keys, rows: rows, count: found.count, total: found.total, query: query.fields,
            columns: query.columns(path: { path($0) }),
            states: Choice.list(KeyState.allCases.map { ($0.rawValue, $0.rawValue) }, chosen: query.fields.state),
            previous: page > 1 ? path(page: page - 1) : nil, next: page < found.pages ? path(page: page + 1) : nil,
            here: path(page: page), base: visit.base, outcome: outcome,
            typedTagKey: visit.request.form["tag-key"] ?? "", typedTagValue: visit.request.form["tag-value"] ?? "")
        let title = place == .keys ? "Customer managed keys" : "AWS managed keys"
        return visit.page(.keys, title, at: place, alert: alert, content)
    }

    /// What is shown of a key is asked for and recorded as for any other caller.
    private func row(_ overview: KeyOverview, isChosen: Bool) async -> Row {
        let id = overview.keyID.description
        let key = JSONObject(["KeyId": .string(id)])
        let metadata = (try? await visit.kms(.describeKey, key))?.object("KeyMetadata")
        let tags = overview.tags == nil ? nil : try? await visit.kms(.listResourceTags, key)
        let state = metadata?.text("KeyState") ?? "not shown"
        return Row(
            id: id, isChosen: isChosen, href: "\(visit.base)/keys/\(id)", alias: overview.aliases.first,
            moreAliases: overview.aliases.count > 1 ? overview.aliases.count - 1 : nil, state: state,
            isEnabled: state == KeyState.enabled.rawValue, spec: metadata?.text("KeySpec") ?? "",
            usage: metadata?.text("KeyUsage").map(Wording.usage) ?? "",
            creation: metadata?.date("CreationDate").map(Moment.init),
            tags: (tags?.objects("Tags") ?? []).map { "\($0.text("TagKey") ?? "")=\($0.text("TagValue") ?? "")" })
    }

    private func path(page: Int) -> String {
        var next = query
        next.page = page
        return path(next)
    }

    private func path(_ query: KeyListQuery) -> String { "\(visit.base)/\(place.rawValue)\(query.text)" }
}
