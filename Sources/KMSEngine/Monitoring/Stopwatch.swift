import Glibc

/// A moment of the clock that only goes forward, to measure how long something takes.
package struct Stopwatch: Sendable {
    private let start = Self.nanoseconds

    package init() {}

    /// The time since, in nanoseconds.
    package var elapsed: UInt64 { Self.nanoseconds &- start }

    private static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
