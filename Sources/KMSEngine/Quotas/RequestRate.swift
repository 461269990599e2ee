/// So many requests a second, made ready for counting.
package struct RequestRate: Sendable, Equatable {
    /// The rates that can be counted: a request in a quarter of an hour, up to one in a microsecond.
    package static let range = 0.001...1_000_000.0

    /// As it was given.
    package let perSecond: Double
    /// The nanoseconds in which a request is earned.
    ///
    /// Rounded down, so that a second's requests always fit into a second.
    let interval: Int64

    /// - Returns: Nil for a rate outside ``range``.
    package init?(perSecond: Double) {
        guard Self.range.contains(perSecond) else { return nil }
        self.perSecond = perSecond
        interval = Int64(1e9 / perSecond)
    }

    /// What a node admits at the least of a rate that many share, where the rate itself is not below it: one request in ten
    /// seconds.
    ///
    /// Else a caller whose requests come to few nodes would hardly get any of the rarest ones through.
    static let leastShare = 0.1

    /// What each of so many nodes admits.
    func share(among nodeCount: Int) -> RequestRate {
        guard nodeCount > 1 else { return self }
        let share = max(perSecond / Double(nodeCount), min(perSecond, Self.leastShare))
        return RequestRate(perSecond: share) ?? self
    }

    /// What a full bucket holds, in nanoseconds of earning: a second's requests, or one where that takes longer.
    var capacity: Int64 { max(1_000_000_000, interval) }
}
