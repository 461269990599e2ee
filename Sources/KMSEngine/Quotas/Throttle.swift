package import KMSModel
import Synchronization

/// Holds accounts to their request quotas: a token bucket for each account, region and quota.
///
/// A bucket holds a second's requests and is filled again at the quota's rate. Time is the machine's, which nobody moves: a
/// development clock that jumps over years fills nothing.
package final class Throttle: Sendable {
    /// In how many made-up regions an account can have buckets that are not full, before it is refused in further ones.
    ///
    /// Regions are whatever well-formed name a request is signed for, which any user of the account can make up. Those that
    /// are established do not count, and nobody is refused in one for the sake of others.
    package static let mostMadeUpRegions = 256
    /// How often buckets that nobody uses are forgotten, in nanoseconds.
    private static let sweepInterval = TokenBucket.minute
    private static let shardCount = 16

    private let settings: QuotaSettings
    private let now: @Sendable () -> Int64
    private let shards: [Shard]
    private let refused: [Counter]
    private let isOff: Bool
    private let nodeCount = Atomic(1)
    private let isEstablished: @Sendable (AccountID, Region) -> Bool

    /// - Parameters:
    ///   - now: A clock that never goes back, in nanoseconds.
    ///   - isEstablished: Whether a region is not made up: the operator or AWS lists it, or the account has keys there.
    package init(
        _ settings: QuotaSettings, now: @escaping @Sendable () -> Int64 = MonotonicTime.nanoseconds,
        isEstablished: @escaping @Sendable (AccountID, Region) -> Bool = { _, _ in false }
    ) {
        self.settings = settings
        self.isEstablished = isEstablished
        self.now = now
        shards = (0..<Self.shardCount).map { _ in Shard() }
        refused = (0..<RequestQuota.placeCount).map { _ in Counter() }
        isOff = !settings.limitsRequests
    }

    /// Shares every rate among so many nodes: each admits its part of what an account may ask, from the next request on.
    package func share(among nodeCount: Int) { self.nodeCount.store(max(1, nodeCount), ordering: .relaxed) }

    /// Takes all of `charges` from the buckets of `account`, or none.
    ///
    /// - Returns: The quota that is used up; nil when the request may go on.
    package func refusal(of charges: [QuotaCharge], to account: AccountID) -> RequestQuota? {
        guard !isOff, !charges.isEmpty else { return nil }
        let (now, nodeCount) = (now(), nodeCount.load(ordering: .relaxed))
        let exhausted = shard(of: account).accounts.withLock { shard in
            if now >= shard.nextSweep {
                shard.sweep(at: now)
                shard.nextSweep = now + Self.sweepInterval
            }
            return shard.buckets[account, default: AccountBuckets()].take(charges, at: now, nodeCount) { region in
                AccountBuckets.InRegion(
                    rates: settings.rates(of: account, in: region).map { $0?.share(among: nodeCount) },
                    nodeCount: nodeCount, isMadeUp: !isEstablished(account, region))
            }
        }
        if let exhausted { refused[exhausted.index].value.add(1, ordering: .relaxed) }
        return exhausted
    }

    /// Counts a use of a key in a custom key store of `realm`, whoever asks.
    ///
    /// - Parameter admission: What the store has admitted.
    /// - Returns: Whether the store has admitted as much as it may.
    func refuses(_ admission: Admission, in realm: Realm) -> Bool {
        guard !isOff, let rate = settings.rates(of: realm.account, in: realm.region)[RequestQuota.customKeyStore.index],
            !admission.admits(at: rate.share(among: nodeCount.load(ordering: .relaxed)))
        else { return false }
        refused[RequestQuota.customKeyStore.index].value.add(1, ordering: .relaxed)
        return true
    }

    /// How often each quota was a reason to refuse since the server began, whoever asked.
    package var refusals: [(quota: RequestQuota, count: Int)] {
        RequestQuota.all.map { ($0, refused[$0.index].value.load(ordering: .relaxed)) }
    }

    /// What an account has of each quota that limits it in a region.
    package func use(of realm: Realm) -> [QuotaUse] {
        let now = now()
        let nodeCount = nodeCount.load(ordering: .relaxed)
        let rates = settings.rates(of: realm.account, in: realm.region).map { $0?.share(among: nodeCount) }
        let buckets = shard(of: realm.account).accounts.withLock {
            $0.buckets[realm.account]?.regions[realm.region]?.buckets ?? []
        }
        return RequestQuota.all.compactMap { quota in
            // What the account's buckets are for.
            guard quota != .customKeyStore, let rate = rates[quota.index] else { return nil }
            let use = buckets.first { $0.quota == quota.index }?.use(at: now)
            return QuotaUse(
                quota: quota, perSecond: rate.perSecond, admitted: use?.admitted ?? 0, refused: use?.refused ?? 0,
                peak: use?.peak ?? 0)
        }
    }

    /// How many buckets are remembered.
    package var bucketCount: Int {
        shards.reduce(0) { count, shard in
            count + shard.accounts.withLock { $0.buckets.values.reduce(0) { $0 + $1.count } }
        }
    }

    private func shard(of account: AccountID) -> Shard {
        shards[Int(UInt(bitPattern: account.hashValue) % UInt(Self.shardCount))]
    }

    /// Some of the accounts, so that others need not wait for their lock.
    private final class Shard: Sendable {
        struct Accounts: Sendable {
            var buckets: [AccountID: AccountBuckets] = [:]
            var nextSweep: Int64 = 0

            mutating func sweep(at now: Int64) {
                for account in Array(buckets.keys) {
                    buckets[account]?.forget { $0.isForgettable(at: now) }
                    if buckets[account]?.regions.isEmpty == true { buckets[account] = nil }
                }
            }
        }

        let accounts = Mutex(Accounts())
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}

/// What an account has of one quota in one region, in this minute and the one before.
package struct QuotaUse: Sendable {
    /// The quota.
    package let quota: RequestQuota
    /// How many requests a second it admits.
    package let perSecond: Double
    /// Requests that were admitted.
    package let admitted: Int
    /// Requests that were refused.
    package let refused: Int
    /// The most of the bucket that was taken at a time, from 0 to 1.
    package let peak: Double
}

/// The buckets of one account.
private struct AccountBuckets: Sendable {
    struct InRegion: Sendable {
        /// What this node admits.
        let rates: [RequestRate?]
        /// Among how many nodes what the account may ask is shared.
        let nodeCount: Int
        let isMadeUp: Bool
        /// Few: an account uses few quotas in a region at a time.
        var buckets: [TokenBucket] = []

        mutating func place(of quota: RequestQuota, at now: Int64) -> Int {
            if let place = buckets.firstIndex(where: { $0.quota == quota.index }) { return place }
            buckets.append(TokenBucket(quota: quota.index, at: now))
            return buckets.count - 1
        }

        mutating func holds(_ charge: QuotaCharge, at now: Int64) -> Bool {
            guard let rate = rates[charge.quota.index] else { return true }
            let place = place(of: charge.quota, at: now)
            guard buckets[place].holds(charge.count, at: now, earning: rate) else {
                buckets[place].refuse(at: now)
                return false
            }
            return true
        }

        mutating func take(_ charge: QuotaCharge, at now: Int64) {
            guard let rate = rates[charge.quota.index] else { return }
            let place = place(of: charge.quota, at: now)
            buckets[place].take(charge.count, at: now, earning: rate)
        }
    }

    /// How often full buckets are looked for at the most, in nanoseconds.
    private static let searchInterval: Int64 = 100_000_000

    var regions: [Region: InRegion] = [:]
    private var nextSearch: Int64 = 0

    var count: Int { regions.values.reduce(0) { $0 + $1.buckets.count } }

    mutating func take(
        _ charges: [QuotaCharge], at now: Int64, _ nodeCount: Int, opening region: (Region) -> InRegion
    ) -> RequestQuota? {
        // Mostly all are of one region.
        var last: (region: Region, place: Dictionary<Region, InRegion>.Index)?
        for charge in charges {
            if last?.region != charge.region {
                guard let place = place(of: charge.region, at: now, nodeCount, opening: region) else {
                    return charge.quota
                }
                last = (charge.region, place)
            }
            guard let last, regions.values[last.place].holds(charge, at: now) else { return charge.quota }
        }
        for charge in charges {
            let known = last.flatMap { $0.region == charge.region ? $0.place : nil }
            guard let place = known ?? regions.index(forKey: charge.region) else { continue }
            regions.values[place].take(charge, at: now)
        }
        return nil
    }

    /// Where the buckets of a region are; nil when there is no room for them.
    private mutating func place(
        of region: Region, at now: Int64, _ nodeCount: Int, opening: (Region) -> InRegion
    ) -> Dictionary<Region, InRegion>.Index? {
        if let place = regions.index(forKey: region) {
            if regions.values[place].nodeCount != nodeCount {
                let buckets = regions.values[place].buckets
                regions.values[place] = opening(region)
                regions.values[place].buckets = buckets
            }
            return place
        }
        let opened = opening(region)
        guard !opened.isMadeUp || makeRoom(at: now) else { return nil }
        regions[region] = opened
        return regions.index(forKey: region)
    }

    /// Whether there is room for one more region that is made up, perhaps once full buckets are forgotten.
    ///
    /// Looking for full ones is not for every request of an account that wants too many regions.
    private mutating func makeRoom(at now: Int64) -> Bool {
        if madeUpCount >= Throttle.mostMadeUpRegions, now >= nextSearch {
            forget { $0.isFull(at: now) }
            nextSearch = now + Self.searchInterval
        }
        return madeUpCount < Throttle.mostMadeUpRegions
    }

    private var madeUpCount: Int {
        // Most accounts have so few regions that none has to be looked at.
        regions.count < Throttle.mostMadeUpRegions ? 0 : regions.values.count(where: \.isMadeUp)
    }

    mutating func forget(where isForgettable: (TokenBucket) -> Bool) {
        for region in Array(regions.keys) {
            regions[region]?.buckets.removeAll(where: isForgettable)
            if regions[region]?.buckets.isEmpty == true { regions[region] = nil }
        }
    }
}
