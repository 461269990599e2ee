package import Foundation
import Synchronization

/// Connections, what they agreed on, and the answers that went out on them.
package final class TransportMetrics: Sendable {
    /// The codes of HTTP that there are (RFC 9110, section 15).
    private static let firstStatus = 100

    private let opened = Atomic<UInt64>(0)
    private let closed = Atomic<UInt64>(0)
    private let finishedHandshakes = Atomic<UInt64>(0)
    private let failedHandshakes = Atomic<UInt64>(0)
    private let begun = Atomic<UInt64>(0)
    private let statuses: InlineArray<500, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    private let answered = Atomic<UInt64>(0)
    /// In seconds since 1970; 0 while there is no certificate.
    private let end = Atomic<Int64>(0)
    private let replacedCertificates = Atomic<UInt64>(0)
    private let keptCertificates = Atomic<UInt64>(0)
    private let hasKeptLast = Atomic<Bool>(false)

    init() {}

    /// A connection was accepted.
    package func connectionOpened() { opened.add(1, ordering: .relaxed) }
    /// A connection is gone.
    package func connectionClosed() { closed.add(1, ordering: .relaxed) }
    /// TLS was agreed on.
    package func handshakeFinished() { finishedHandshakes.add(1, ordering: .relaxed) }
    /// A client went away, was sent away, or could not agree.
    package func handshakeFailed() { failedHandshakes.add(1, ordering: .relaxed) }

    /// The certificate was replaced.
    package func certificateReplaced() {
        replacedCertificates.add(1, ordering: .relaxed)
        hasKeptLast.store(false, ordering: .relaxed)
    }

    /// A certificate was not good enough to replace the present one.
    package func certificateKept() {
        keptCertificates.add(1, ordering: .relaxed)
        hasKeptLast.store(true, ordering: .relaxed)
    }

    /// A request came.
    package func requestBegan() { begun.add(1, ordering: .relaxed) }

    /// A request was answered with this status of HTTP before it was known what it is.
    package func requestRefused(_ status: Int) {
        requestBegan()
        requestEnded(status)
    }

    /// A request was answered with this status of HTTP.
    package func requestEnded(_ status: Int) {
        answered.add(1, ordering: .relaxed)
        guard statuses.indices.contains(status - Self.firstStatus) else { return }
        statuses[status - Self.firstStatus].add(1, ordering: .relaxed)
    }

    /// When the certificate ends that new connections are shown; nil without TLS.
    package var certificateEnd: Date? {
        get {
            let end = end.load(ordering: .relaxed)
            return end == 0 ? nil : Date(timeIntervalSince1970: TimeInterval(end))
        }
        set { end.store(Int64(newValue?.timeIntervalSince1970 ?? 0), ordering: .relaxed) }
    }

    /// How many connections came, and how many of them are open.
    var connections: (accepted: UInt64, open: UInt64) {
        // In this order: one that is closed meanwhile was opened before.
        let gone = closed.load(ordering: .relaxed)
        let accepted = opened.load(ordering: .relaxed)
        return (accepted, accepted &- min(gone, accepted))
    }

    /// How many handshakes came to an end, and how many did not.
    var handshakes: (finished: UInt64, failed: UInt64) {
        (finishedHandshakes.load(ordering: .relaxed), failedHandshakes.load(ordering: .relaxed))
    }

    /// How often the certificate was replaced, and how often it could not be.
    var certificateReloads: (replaced: UInt64, failed: UInt64) {
        (replacedCertificates.load(ordering: .relaxed), keptCertificates.load(ordering: .relaxed))
    }

    /// Whether the last attempt to replace the certificate failed.
    var hasKeptCertificateLast: Bool { hasKeptLast.load(ordering: .relaxed) }

    /// How many requests are being answered.
    var requestsInFlight: UInt64 {
        let done = answered.load(ordering: .relaxed)
        let all = begun.load(ordering: .relaxed)
        return all &- min(done, all)
    }

    /// How many answers had each status that one had.
    var responses: [(status: Int, count: UInt64)] {
        statuses.indices.compactMap { index in
            let count = statuses[index].load(ordering: .relaxed)
            return count == 0 ? nil : (index + Self.firstStatus, count)
        }
    }
}
