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

    /// What a full bucket holds, in nanoseconds of earning: a second's requests, or one where that takes longer.
    var capacity: Int64 { max(1_000_000_000, interval) }
}
