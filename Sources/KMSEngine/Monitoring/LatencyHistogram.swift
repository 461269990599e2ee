import Synchronization

/// How often something took how long.
///
/// Recording is two additions without a lock, so that it can stand in the way of every request.
package final class LatencyHistogram: Sendable {
    /// The upper bounds of the buckets, in nanoseconds: from 50 microseconds to 10 seconds.
    static let bounds: [UInt64] = [
        50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
        100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    ]

    /// One for each bound, and one for what took longer than the last.
    private let counts: InlineArray<18, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    private let sum = Atomic<UInt64>(0)

    package init() {}

    /// Counts what took so many nanoseconds.
    package func record(_ nanoseconds: UInt64) {
        var bucket = 0
        while bucket < Self.bounds.count, nanoseconds > Self.bounds[bucket] { bucket += 1 }
        counts[bucket].add(1, ordering: .relaxed)
        sum.add(nanoseconds, ordering: .relaxed)
    }

    /// What was recorded so far: how much took no longer than each bound, and in the end all; and the sum in nanoseconds.
    var state: (cumulative: [UInt64], sum: UInt64) {
        var cumulative: [UInt64] = []
        for bucket in counts.indices {
            cumulative.append((cumulative.last ?? 0) + counts[bucket].load(ordering: .relaxed))
        }
        return (cumulative, sum.load(ordering: .relaxed))
    }
}
