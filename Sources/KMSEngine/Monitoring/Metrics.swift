package import Foundation
import Synchronization

/// Everything that monitoring is told of a running server.
///
/// It is counted where it happens, without locks where every request passes, and read when somebody asks
/// (``Exposition``). The set of labels is bounded: neither accounts nor regions are among them, because whoever may make
/// keys could make them as many as they like.
package final class Metrics: Sendable {
    /// What the server is about.
    package enum Phase: Int, AtomicRepresentable, Sendable {
        /// It does what was due while it was off.
        case starting
        /// It waits for its root key.
        case sealed
        /// It answers.
        case serving
        /// It was asked to end.
        case ending
    }

    /// Requests by operation and outcome.
    package let requests = RequestMetrics()
    /// Connections and answers.
    package let transport = TransportMetrics()
    /// Commits of the store.
    package let commits = DurabilityMetrics()
    /// Lines handed to the audit log.
    package let auditAppends = DurabilityMetrics()
    /// Syncs of the audit log.
    package let auditSyncs = DurabilityMetrics()
    private let conflicts = Atomic<UInt64>(0)
    private let housekeepingFailures = Atomic<UInt64>(0)
    /// In milliseconds since 1970; 0 before the first time.
    private let lastHousekeeping = Atomic<Int64>(0)
    private let present = Atomic<Phase>(.starting)

    package init() {}

    /// Counts a change that was made anew because another one came first.
    package func noteConflict() { conflicts.add(1, ordering: .relaxed) }

    /// Notes that all that was due at `now` was looked at.
    package func noteHousekeeping(at now: Date) {
        lastHousekeeping.store(Int64(now.timeIntervalSince1970 * 1000), ordering: .relaxed)
    }

    /// Counts work that was due and could not be done.
    package func noteHousekeepingFailure() { housekeepingFailures.add(1, ordering: .relaxed) }

    /// What the server is about.
    package var phase: Phase {
        get { present.load(ordering: .relaxed) }
        set { present.store(newValue, ordering: .relaxed) }
    }

    var conflictCount: UInt64 { conflicts.load(ordering: .relaxed) }

    var housekeeping: (last: Date?, failures: UInt64) {
        let last = lastHousekeeping.load(ordering: .relaxed)
        return (
            last == 0 ? nil : Date(timeIntervalSince1970: TimeInterval(last) / 1000),
            housekeepingFailures.load(ordering: .relaxed)
        )
    }
}
