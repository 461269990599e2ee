import Synchronization

package import struct Foundation.Date
package import struct Foundation.TimeInterval

/// Where the server's time comes from; nothing else in the program asks the system for it.
package protocol Clock: Sendable {
    /// The present, exact to the millisecond: no record or answer carries more.
    var now: Date { get }

    /// The time that clients sign their requests at: the real one, even while ``now`` runs ahead of it.
    var signingTime: Date { get }
}

/// The system's clock.
package struct SystemClock: Clock {
    package init() {}

    package var now: Date { Date().roundedToMilliseconds }
    package var signingTime: Date { now }
}

/// A clock that runs ahead of another by an amount that can be raised while the server runs, for development.
package final class ControllableClock: Clock {
    private let base: any Clock
    private let ahead: Mutex<TimeInterval>

    /// - Parameter ahead: How far the clock is ahead of `base` at first, in seconds.
    package init(base: any Clock = SystemClock(), ahead: TimeInterval = 0) {
        self.base = base
        self.ahead = Mutex(ahead)
    }

    package var now: Date { base.now.addingTimeInterval(offset).roundedToMilliseconds }
    package var signingTime: Date { base.signingTime }

    /// How far the clock is ahead of the one below it, in seconds.
    package var offset: TimeInterval { ahead.withLock { $0 } }

    /// Moves the clock forward by `interval` seconds, which must not be negative: time never goes back.
    package func advance(by interval: TimeInterval) {
        ahead.withLock { $0 += max(0, interval) }
    }
}

extension Date {
    /// The nearest whole millisecond.
    package var roundedToMilliseconds: Date {
        Date(timeIntervalSince1970: (timeIntervalSince1970 * 1000).rounded() / 1000)
    }

    /// The date `days` times 86,400 seconds later: AWS counts waiting periods and rotation periods in such days.
    package func adding(days: Int) -> Date { addingTimeInterval(TimeInterval(days) * 86_400) }
}
