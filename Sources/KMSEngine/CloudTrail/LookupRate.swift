import Foundation
import KMSModel
import Synchronization

/// How often events are looked up: two times a second for each account and region.
///
/// Source: CloudTrail API Reference, LookupEvents.
final class LookupRate: Sendable {
    private struct Bucket {
        var tokens: Double
        var time: Date
    }

    private static let perSecond = 2.0
    /// How many buckets are kept before those that are full again are let go.
    private static let mostBuckets = 1024

    private let buckets = Mutex<[Realm: Bucket]>([:])

    /// Whether a request of `realm` may be answered at this time.
    func admits(_ realm: Realm, at now: Date) -> Bool {
        buckets.withLock { buckets in
            if buckets.count >= Self.mostBuckets {
                buckets = buckets.filter { Self.tokens(in: $0.value, at: now) < Self.perSecond }
            }
            let tokens = buckets[realm].map { Self.tokens(in: $0, at: now) } ?? Self.perSecond
            guard tokens >= 1 else { return false }
            buckets[realm] = Bucket(tokens: tokens - 1, time: now)
            return true
        }
    }

    private static func tokens(in bucket: Bucket, at now: Date) -> Double {
        min(perSecond, bucket.tokens + max(0, now.timeIntervalSince(bucket.time)) * perSecond)
    }
}
