package import Foundation
import Synchronization

/// Counts who guesses: of each address some attempts to sign in with an access key may fail, and then one more every while.
///
/// An attempt is counted before it is looked at, and given back when it succeeds: of many at once no more fail than of as
/// many one after the other. Whoever has the secret is let in all the same: nobody can lock others out, not even from behind
/// the same proxy, and a secret of AWS's length is not found by trying.
package final class SignInLimiter: Sendable {
    /// How many attempts may fail at once, and how long it takes until one more may, in seconds.
    package static let (burst, interval): (Double, TimeInterval) = (10, 30)
    /// How many pairs of an address and an access key are remembered.
    package static let mostPairs = 10_000

    private struct Allowance {
        var left: Double
        var date: Date
    }

    private struct Pair: Hashable {
        let network: String
        let accessKeyID: String

        /// What is longer than an access key can be counts by its beginning, so that it takes no more room.
        init(_ address: String, _ accessKeyID: String) {
            network = SignInLimiter.network(of: address)
            self.accessKeyID = String(accessKeyID.prefix(128))
        }
    }

    private let allowances = Mutex<[Pair: Allowance]>([:])

    package init() {}

    /// Whether another attempt from this address with this access key may fail now; if so it counts as one that does.
    package func admit(_ address: String, _ accessKeyID: String, at now: Date) -> Bool {
        let pair = Pair(address, accessKeyID)
        return allowances.withLock { allowances in
            if allowances.count >= Self.mostPairs, allowances[pair] == nil {
                allowances = allowances.filter { Self.left(of: $0.value, at: now) < Self.burst }
                // Whoever has so many addresses, or makes up so many access keys, cannot be counted by them.
                if allowances.count >= Self.mostPairs { allowances.removeAll(keepingCapacity: true) }
            }
            let left = Self.left(of: allowances[pair], at: now)
            guard left >= 1 else { return false }
            allowances[pair] = Allowance(left: left - 1, date: now)
            return true
        }
    }

    /// Takes back that an attempt counted as one that fails.
    package func giveBack(_ address: String, _ accessKeyID: String) {
        let pair = Pair(address, accessKeyID)
        allowances.withLock { allowances in
            guard let allowance = allowances[pair] else { return }
            allowances[pair]?.left = min(Self.burst, allowance.left + 1)
        }
    }

    private static func left(of allowance: Allowance?, at now: Date) -> Double {
        guard let allowance else { return burst }
        return min(burst, allowance.left + max(0, now.timeIntervalSince(allowance.date)) / interval)
    }

    /// The address, or of IPv6 the 64 bits that one household has.
    private static func network(of address: String) -> String {
        guard address.contains(":"), !address.hasPrefix("::ffff:") else { return address }
        return address.split(separator: ":", omittingEmptySubsequences: false).prefix(4).joined(separator: ":")
    }
}
