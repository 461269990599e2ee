/// What an account has taken of one quota in one region.
///
/// A bucket that has been full for a while is as good as none: it can be forgotten.
struct TokenBucket: Sendable {
    /// A minute, in nanoseconds.
    static let minute: Int64 = 60_000_000_000

    /// The place of the quota.
    let quota: Int
    /// The moment at which all that was taken will have been earned back, in nanoseconds.
    private(set) var fullAt: Int64
    private var current: MinuteOfUse
    private var previous: MinuteOfUse

    init(quota: Int, at now: Int64) {
        self.quota = quota
        fullAt = now
        current = MinuteOfUse(number: now / Self.minute)
        previous = MinuteOfUse(number: current.number - 1)
    }

    /// Whether `count` requests can be taken now.
    ///
    /// More than fit into a bucket can when it is full; they are owed.
    func holds(_ count: Int, at now: Int64, earning rate: RequestRate) -> Bool {
        let taken = max(0, fullAt - now)
        return taken + min(Int64(count) * rate.interval, rate.capacity) <= rate.capacity
    }

    /// Takes `count` requests, which the bucket holds.
    mutating func take(_ count: Int, at now: Int64, earning rate: RequestRate) {
        fullAt = max(fullAt, now) + Int64(count) * rate.interval
        turn(to: now)
        current.admitted += count
        current.peak = max(current.peak, Double(fullAt - now) / Double(rate.capacity))
    }

    /// Counts a request that was refused.
    mutating func refuse(at now: Int64) {
        turn(to: now)
        current.refused += 1
        current.peak = 1
    }

    /// Whether it is full, and was not asked for so long that nobody wants to know.
    func isForgettable(at now: Int64) -> Bool { isFull(at: now) && now / Self.minute > current.number + 1 }

    func isFull(at now: Int64) -> Bool { fullAt <= now }

    /// What was asked in this minute and the one before.
    func use(at now: Int64) -> (admitted: Int, refused: Int, peak: Double) {
        let counted = [current, previous].filter { $0.number >= now / Self.minute - 1 }
        return (
            counted.reduce(0) { $0 + $1.admitted }, counted.reduce(0) { $0 + $1.refused },
            min(1, counted.map(\.peak).max() ?? 0)
        )
    }

    private mutating func turn(to now: Int64) {
        let number = now / Self.minute
        guard number != current.number else { return }
        previous = current
        current = MinuteOfUse(number: number)
    }
}

/// What became of the requests of one minute.
private struct MinuteOfUse: Sendable {
    let number: Int64
    var admitted = 0
    var refused = 0
    /// The most of the bucket that was taken at a time, as a share.
    var peak = 0.0
}
