package import Foundation
import KMSModel
import KMSStore
import Synchronization

/// How long ago a node last knew that its memory is as the shared store is, and what follows from it.
///
/// A node that cannot reach the store goes on from memory for a while, since most of what it is asked changes seldom; then it
/// refuses, since a key that was disabled elsewhere must not be usable here for ever.
package final class StoreContact: Sendable {
    /// How things stand.
    package enum Standing: Sendable, Equatable {
        /// Memory is as the store is, but for the bound.
        case current
        /// The store has not answered for so long; requests are answered from memory for some time more.
        case cutOff(Duration, left: Duration)
        /// The store has not answered for so long that nothing is answered from memory any more.
        case refusing(Duration)
    }

    /// After how long a silence the store is said to be lost: a feed that is read every tenth of a second is late by then.
    private static let patience = Duration.seconds(2)

    private let outage: Duration
    /// When what was read last had been asked for, in nanoseconds of the monotonic clock.
    private let last: Atomic<Int64>
    /// When the store was asked what it has not answered yet; zero while there is no such question.
    private let question = Atomic<Int64>(0)
    /// Whether the last question was not answered.
    private let isLost = Atomic(false)
    /// By how many milliseconds the store's clock is ahead of this machine's.
    private let lead = Atomic<Int64>(0)

    /// - Parameter outage: How long requests are answered from memory.
    package init(outage: Duration) {
        self.outage = outage
        last = Atomic(MonotonicTime.nanoseconds())
    }

    /// Notes that memory is as the store was at `time`, by the monotonic clock.
    func note(_ time: Int64) { last.store(time, ordering: .relaxed) }

    /// Whether requests may be answered from memory.
    var mayServe: Bool { silence <= outage }

    /// How things stand.
    package var standing: Standing {
        let silence = silence
        if silence > outage { return .refusing(silence) }
        return silence > Self.patience ? .cutOff(silence, left: outage - silence) : .current
    }

    /// Notes that the store is being asked what changed.
    func noteQuestion() { question.store(MonotonicTime.nanoseconds(), ordering: .relaxed) }

    /// Notes that the store has answered, or has not.
    func noteAnswer(_ isAnswered: Bool) {
        question.store(0, ordering: .relaxed)
        isLost.store(!isAnswered, ordering: .relaxed)
    }

    /// Refuses what needs the store while that is out of reach: whoever asks would wait for as long as a connection takes to
    /// be given up.
    ///
    /// - Throws: ``StoreError/unavailable(_:)``.
    func checkReach() throws(StoreError) {
        let asked = question.load(ordering: .relaxed)
        let waits = asked > 0 && Duration.nanoseconds(MonotonicTime.nanoseconds() - asked) > Self.patience
        // One question that fails may be the end of a connection.
        guard silence > Self.patience, waits || isLost.load(ordering: .relaxed) else { return }
        throw .unavailable("it does not answer")
    }

    /// How long ago memory is known to have been as the store was.
    package var silence: Duration {
        let (now, last) = (MonotonicTime.nanoseconds(), last.load(ordering: .relaxed))
        return .nanoseconds(now > last ? now - last : 0)
    }

    // MARK: Clock

    /// Notes what the store's clock showed between two readings of this machine's.
    ///
    /// What lies within the time that the question took, or within what clocks that are kept well differ by, is not a
    /// difference.
    func note(storeDate: Date, asked: Date, answered: Date) {
        let middle = asked.addingTimeInterval(answered.timeIntervalSince(asked) / 2)
        let difference = storeDate.timeIntervalSince(middle)
        let uncertainty = max(Self.leastDifference, answered.timeIntervalSince(asked))
        lead.store(abs(difference) > uncertainty ? Int64((difference * 1000).rounded()) : 0, ordering: .relaxed)
    }

    /// Looks at the store's clock.
    ///
    /// - Throws: ``StoreError``.
    func readClock(of store: any SharedStore, _ position: FeedPosition) async throws(StoreError) {
        let asked = Date()
        let news = try await store.changes(after: position)
        note(storeDate: news.date, asked: asked, answered: Date())
    }

    /// Below this many seconds each machine's own clock is trusted.
    private static let leastDifference: TimeInterval = 1

    /// How far the store's clock is ahead of this machine's, in seconds; zero where they agree within a second.
    package var clockLead: TimeInterval { TimeInterval(lead.load(ordering: .relaxed)) / 1000 }
}

/// The clock of a node: this machine's, unless it differs from that of the shared store.
///
/// What time brings to a key is the same on all nodes, also on one whose own clock is wrong.
package struct SharedClock: Clock {
    private let contact: StoreContact

    package init(_ contact: StoreContact) { self.contact = contact }

    package var now: Date { Date().addingTimeInterval(contact.clockLead).roundedToMilliseconds }
    package var signingTime: Date { now }
}
