import Synchronization

/// What one thing that is asked by many has admitted.
final class Admission: Sendable {
    private let bucket: Mutex<TokenBucket>

    init() { bucket = Mutex(TokenBucket(quota: 0, at: MonotonicTime.nanoseconds())) }

    /// Whether one more request is admitted at this rate; then it is counted.
    func admits(at rate: RequestRate) -> Bool {
        bucket.withLock { bucket in
            let now = MonotonicTime.nanoseconds()
            guard bucket.holds(1, at: now, earning: rate) else { return false }
            bucket.take(1, at: now, earning: rate)
            return true
        }
    }
}
