import Synchronization

/// How long it takes to make something durable, and how often that fails.
package final class DurabilityMetrics: Sendable {
    /// Each attempt that succeeded.
    package let latency = LatencyHistogram()
    private let failures = Atomic<UInt64>(0)
    private let isFailing = Atomic<Bool>(false)

    package init() {}

    /// Counts an attempt that succeeded.
    package func succeeded(_ watch: Stopwatch) {
        latency.record(watch.elapsed)
        // Most of the time it is false already, and then nobody has to be told.
        if isFailing.load(ordering: .relaxed) { isFailing.store(false, ordering: .relaxed) }
    }

    /// Counts an attempt that failed.
    package func failed() {
        failures.add(1, ordering: .relaxed)
        isFailing.store(true, ordering: .relaxed)
    }

    /// Whether the last attempt failed.
    var hasFailedLast: Bool { isFailing.load(ordering: .relaxed) }

    var failureCount: UInt64 { failures.load(ordering: .relaxed) }
}
