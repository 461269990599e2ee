import Dispatch

/// The time that passes on this machine, whatever its clocks are set to.
package enum MonotonicTime {
    /// Nanoseconds since some moment before the program began; they never go back.
    package static let nanoseconds: @Sendable () -> Int64 = { Int64(DispatchTime.now().uptimeNanoseconds) }
}
