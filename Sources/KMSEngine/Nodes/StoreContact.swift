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
    /// How long a tick is.
    static let tickLength = Duration.milliseconds(100)
    private static let ticksOfPatience = 20

    private let outage: Duration
    /// When what was read last had been asked for, in nanoseconds of the monotonic clock.
    private let last: Atomic<Int64>
    /// How long after one change the next one is sent at the latest; zero while nothing says so.
    private let changeInterval = Atomic<Int64>(0)
    /// By when the store should have taken another change, by the same clock; zero while nothing says so.
    private let changeDue = Atomic<Int64>(0)
    /// For how many ticks the store has owed an answer; negative while it owes none.
    private let waited = Atomic(-1)
    /// Whether the last question was not answered, or is not answered in time.
    private let isLost = Atomic(false)
    /// By how many milliseconds the store's clock is ahead of this machine's.
    private let lead = Atomic<Int64>(0)

    /// - Parameter outage: How long requests are answered from memory; at the least as long as it takes to find out that the
    ///   store is lost.
    package init(outage: Duration) {
        self.outage = max(outage, Self.patience)
        last = Atomic(MonotonicTime.nanoseconds())
    }

    /// Notes that memory is as the store was at `time`, by the monotonic clock.
    func note(_ time: Int64) { last.store(time, ordering: .relaxed) }

    /// Says that the store is sent a change at the least so often, from now on.
    func expectChanges(each interval: Duration) {
        changeInterval.store(Int64(interval / .nanoseconds(1)), ordering: .relaxed)
        noteChange(at: MonotonicTime.nanoseconds())
    }

    /// Notes that the store has taken a change that was sent at `time`.
    ///
    /// A primary that was cut off from its standbys, and replaced, goes on answering who is cut off with it. That it still
    /// takes changes is what shows that what it answers is current.
    func noteChange(at time: Int64) {
        let interval = changeInterval.load(ordering: .relaxed)
        if interval > 0 { changeDue.max(time + interval, ordering: .relaxed) }
    }

    /// Whether requests may be answered from memory.
    var mayServe: Bool { silence <= outage }

    /// How things stand.
    package var standing: Standing {
        let silence = silence
        if silence > outage { return .refusing(silence) }
        return silence > Self.patience ? .cutOff(silence, left: outage - silence) : .current
    }

    /// Refuses what needs the store while that is out of reach: whoever asks would wait for as long as a connection takes to
    /// be given up.
    ///
    /// - Throws: ``StoreError/unavailable(_:)``.
    func checkReach() throws(StoreError) {
        // One question that fails may be the end of a connection.
        guard silence > Self.patience, isLost.load(ordering: .relaxed) else { return }
        throw .unavailable("it does not answer")
    }

    /// Waits for an answer of the store a tick longer.
    ///
    /// Ticks, and not the clock: on a machine that is too busy for this process an answer is late though the store is there,
    /// and so are the ticks.
    func tick() {
        guard waited.load(ordering: .relaxed) >= 0 else { return }
        if waited.wrappingAdd(1, ordering: .relaxed).newValue >= Self.ticksOfPatience {
            isLost.store(true, ordering: .relaxed)
        }
    }

    /// How long ago memory is known to have been as the store was.
    package var silence: Duration {
        let (now, change) = (MonotonicTime.nanoseconds(), changeDue.load(ordering: .relaxed))
        let last = min(last.load(ordering: .relaxed), change > 0 ? change : .max)
        return .nanoseconds(now > last ? now - last : 0)
    }

    // MARK: Clock

    /// Asks the change feed, and notes what the store's clock shows.
    ///
    /// - Throws: ``StoreError``.
    func readFeed(_ ask: () async throws(StoreError) -> FeedNews) async throws(StoreError) -> FeedNews {
        let asked = Date()
        waited.store(0, ordering: .relaxed)
        defer { waited.store(-1, ordering: .relaxed) }
        do throws(StoreError) {
            let news = try await ask()
            try note(storeDate: news.date, asked: asked, answered: Date())
            isLost.store(false, ordering: .relaxed)
            return news
        } catch {
            isLost.store(true, ordering: .relaxed)
            throw error
        }
    }

    /// Notes what the store's clock showed between two readings of this machine's.
    ///
    /// What lies within the time that the question took, or within what clocks that are kept well differ by, is not a
    /// difference.
    ///
    /// - Throws: ``StoreError/unavailable(_:)`` for a clock that cannot be right, or this machine's cannot.
    private func note(storeDate: Date, asked: Date, answered: Date) throws(StoreError) {
        let middle = asked.addingTimeInterval(answered.timeIntervalSince(asked) / 2)
        let difference = storeDate.timeIntervalSince(middle)
        guard abs(difference) <= Self.mostDifference else {
            throw .unavailable("its clock is more than a year away from this machine's")
        }
        let uncertainty = max(Self.leastDifference, answered.timeIntervalSince(asked))
        lead.store(abs(difference) > uncertainty ? Int64((difference * 1000).rounded()) : 0, ordering: .relaxed)
    }

    /// Below this many seconds each machine's own clock is trusted.
    private static let leastDifference: TimeInterval = 1
    private static let mostDifference: TimeInterval = 366 * 86_400

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
