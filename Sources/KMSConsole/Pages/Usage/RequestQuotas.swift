import KMSEngine

/// How near an account comes to its request quotas in a region: a section of the usage page.
struct RequestQuotas: Sendable {
    struct Row: Sendable {
        let name: String
        /// Requests a second.
        let limit: String
        let admitted: Int
        let refused: Int
        /// The most of one second's requests that was taken at a time, in percent.
        let peak: Int
    }

    /// Whether anything is limited.
    let areThere: Bool
    let used: [Row]
    let others: [Row]
    /// Why nothing of them is shown.
    let refusal: Alert?

    /// - Parameter refusal: Why the visitor may not see how much the account asks for.
    init(_ uses: [QuotaUse], refusal: ConsoleFailure?) {
        self.refusal = refusal.map(Alert.init)
        areThere = !uses.isEmpty
        let rows = uses.map { use in
            Row(
                name: use.quota.name, limit: Self.text(of: use.perSecond), admitted: use.admitted,
                refused: use.refused, peak: Int((use.peak * 100).rounded()))
        }
        used = rows.filter { $0.admitted + $0.refused > 0 }
        others = rows.filter { $0.admitted + $0.refused == 0 }
    }

    /// A whole number without a point.
    private static func text(of rate: Double) -> String { Int(exactly: rate).map(String.init) ?? String(rate) }
}
