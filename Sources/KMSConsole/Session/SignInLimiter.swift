package import Foundation
import Synchronization

/// Slows down whoever guesses: of each address some attempts to sign in may fail, and then one more every while.
///
/// An attempt is counted before it is looked at, and given back when it succeeds: of many at once no more are looked at than
/// of as many one after the other.
package final class SignInLimiter: Sendable {
    /// How many attempts may fail at once, and how long it takes until one more may, in seconds.
    package static let (burst, interval): (Double, TimeInterval) = (10, 30)
    /// How many addresses are remembered.
    package static let mostAddresses = 10_000

    private struct Allowance {
        var left: Double
        var date: Date
    }

    private let allowances = Mutex<[String: Allowance]>([:])

    package init() {}

    /// Whether an attempt from this address is looked at now; if so it counts as one that fails.
    package func admit(_ address: String, at now: Date) -> Bool {
        let network = Self.network(of: address)
        return allowances.withLock { allowances in
            if allowances.count >= Self.mostAddresses, allowances[network] == nil {
                allowances = allowances.filter { Self.left(of: $0.value, at: now) < Self.burst }
                // Whoever has so many addresses cannot be slowed down by them.
                if allowances.count >= Self.mostAddresses { allowances.removeAll(keepingCapacity: true) }
            }
            let left = Self.left(of: allowances[network], at: now)
            guard left >= 1 else { return false }
            allowances[network] = Allowance(left: left - 1, date: now)
            return true
        }
    }

    /// Takes back that an attempt counted as one that fails.
    package func giveBack(_ address: String) {
        allowances.withLock { allowances in
            guard let allowance = allowances[Self.network(of: address)] else { return }
            allowances[Self.network(of: address)]?.left = min(Self.burst, allowance.left + 1)
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
