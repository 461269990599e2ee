import Foundation
import Synchronization

/// Slows down whoever guesses: of each address some attempts to sign in may fail, and then one more every while.
final class SignInLimiter: Sendable {
    /// How many attempts may fail at once, and how long it takes until one more may, in seconds.
    private static let (burst, interval): (Double, TimeInterval) = (10, 30)
    /// How many addresses are remembered.
    private static let mostAddresses = 10_000

    private struct Allowance {
        var left: Double
        var date: Date
    }

    private let allowances = Mutex<[String: Allowance]>([:])

    /// Whether an attempt from this address is looked at now.
    func admits(_ address: String, at now: Date) -> Bool {
        allowances.withLock { Self.left(of: $0[Self.network(of: address)], at: now) >= 1 }
    }

    /// Counts a failure.
    func noteFailure(of address: String, at now: Date) {
        let network = Self.network(of: address)
        allowances.withLock { allowances in
            if allowances.count >= Self.mostAddresses, allowances[network] == nil {
                allowances = allowances.filter { Self.left(of: $0.value, at: now) < Self.burst }
                // Whoever has so many addresses cannot be slowed down by them.
                if allowances.count >= Self.mostAddresses { allowances.removeAll(keepingCapacity: true) }
            }
            let left = Self.left(of: allowances[network], at: now)
            allowances[network] = Allowance(left: max(0, left - 1), date: now)
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
