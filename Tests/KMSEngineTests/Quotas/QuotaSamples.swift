import KMSEngine
import KMSModel
import Synchronization
import Testing

/// Time that passes when a test says so.
final class TestTime: Sendable {
    private let nanoseconds: Mutex<Int64>

    init(_ nanoseconds: Int64 = 0) { self.nanoseconds = Mutex(nanoseconds) }

    var read: @Sendable () -> Int64 { { self.nanoseconds.withLock { $0 } } }

    func pass(_ duration: Duration) {
        nanoseconds.withLock { $0 += Int64(duration / .nanoseconds(1)) }
    }
}

extension RequestQuota {
    static func named(_ name: String) throws -> RequestQuota {
        try #require(all.first { $0.name == name }, "no quota is called \(name)")
    }
}

extension Throttle {
    /// Whether one request, or something that counts as several, is admitted.
    func admits(
        _ quota: RequestQuota, count: Int = 1, of account: AccountID, in region: Region
    ) -> Bool {
        refusal(of: [QuotaCharge(quota, in: region, count: count)], to: account) == nil
    }

    /// What limits an account in a region, by name.
    func rates(of account: AccountID, in region: Region) -> [String: Double] {
        let uses = use(of: Realm(account: account, region: region))
        return Dictionary(uses.map { ($0.quota.name, $0.perSecond) }) { first, _ in first }
    }
}

/// Accounts and regions to test with.
enum Sample {
    static func account(_ number: Int = 1) throws -> AccountID {
        try #require(AccountID(String(100_000_000_000 + number)))
    }

    static func region(_ name: String = "eu-central-1") throws -> Region { try #require(Region(name)) }
}
