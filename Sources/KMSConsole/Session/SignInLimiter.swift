package import Foundation
import KMSAccess
import Synchronization

/// Counts who guesses: of each network some attempts to sign in with an access key may fail, and then one more every while.
///
/// An attempt is counted before it is looked at, and given back when it succeeds: of many at once no more fail than of as
/// many one after the other. Whoever has the secret is let in all the same: nobody can lock others out, not even from behind
/// the same proxy, and a secret of AWS's length is not found by trying.
package final class SignInLimiter: Sendable {
    /// How many attempts may fail at once, and how long it takes until one more may, in seconds.
    package static let (burst, interval): (Double, TimeInterval) = (10, 30)
    /// How many pairs of a network and an access key are remembered.
    package static let mostPairs = 10_000
    /// How many of them one network has.
    ///
    /// Further access keys that it tries share one allowance: otherwise it could make up so many that the one it guesses at
    /// is forgotten.
    package static let mostOfOne = 128
    /// The longest access key that is told from others, in bytes.
    private static let longestName = 128

    private let allowances = Mutex(Allowances())

    package init() {}

    /// Whether another attempt from this address with this access key may fail now; if so it counts as one that does.
    package func admit(_ address: String, _ accessKeyID: String, at now: Date) -> Bool {
        let (network, name) = (Self.network(of: address), Array(accessKeyID.utf8.prefix(Self.longestName)))
        return allowances.withLock { $0.take(network, name, at: now) }
    }

    /// Takes back that an attempt counted as one that fails.
    package func giveBack(_ address: String, _ accessKeyID: String) {
        let (network, name) = (Self.network(of: address), Array(accessKeyID.utf8.prefix(Self.longestName)))
        allowances.withLock { $0.giveBack(network, name) }
    }

    /// The bytes of the address, or of IPv6 the 64 bits that one household has.
    private static func network(of address: String) -> [UInt8] {
        Address(address)?.network ?? Array(address.utf8)
    }
}

/// How many attempts may still fail, for each network and access key.
///
/// Both are bytes: comparing texts can take long.
private struct Allowances {
    private struct Allowance {
        private var left: Double = SignInLimiter.burst
        private var date: Date

        init(at date: Date) { self.date = date }

        /// What is left once the time since the last attempt is counted in.
        func left(at now: Date) -> Double {
            min(SignInLimiter.burst, left + max(0, now.timeIntervalSince(date)) / SignInLimiter.interval)
        }

        mutating func take(at now: Date) -> Bool {
            let left = left(at: now)
            guard left >= 1 else { return false }
            (self.left, date) = (left - 1, now)
            return true
        }

        mutating func giveBack() { left = min(SignInLimiter.burst, left + 1) }
    }

    /// Whose allowance it is.
    private enum Name: Hashable {
        case accessKey([UInt8])
        /// All access keys beyond those that one network has allowances of their own for.
        case others
    }

    private var networks: [[UInt8]: [Name: Allowance]] = [:]
    private var count = 0

    mutating func take(_ network: [UInt8], _ accessKeyID: [UInt8], at now: Date) -> Bool {
        let name = place(of: accessKeyID, in: network, at: now)
        if networks[network]?[name] == nil { count += 1 }
        return networks[network, default: [:]][name, default: Allowance(at: now)].take(at: now)
    }

    mutating func giveBack(_ network: [UInt8], _ accessKeyID: [UInt8]) {
        let own = Name.accessKey(accessKeyID)
        let name = networks[network]?[own] == nil ? .others : own
        networks[network]?[name]?.giveBack()
    }

    /// The allowance that an attempt is counted against; room is made for one that is new.
    private mutating func place(of accessKeyID: [UInt8], in network: [UInt8], at now: Date) -> Name {
        let own = Name.accessKey(accessKeyID)
        guard networks[network]?[own] == nil else { return own }
        if count >= SignInLimiter.mostPairs { makeRoom(at: now) }
        guard let known = networks[network], known.count >= SignInLimiter.mostOfOne else { return own }
        let used = known.filter { $0.value.left(at: now) < SignInLimiter.burst }
        networks[network] = used
        count -= known.count - used.count
        return used.count < SignInLimiter.mostOfOne ? own : .others
    }

    /// Forgets those that have the most left, a tenth at once: whoever has guessed is forgotten last.
    private mutating func makeRoom(at now: Date) {
        let all = networks.flatMap { network, names in
            names.map { (network: network, name: $0.key, left: $0.value.left(at: now)) }
        }
        let kept = all.sorted { $0.left < $1.left }.prefix(SignInLimiter.mostPairs * 9 / 10)
            .prefix { $0.left < SignInLimiter.burst }
        var networks: [[UInt8]: [Name: Allowance]] = [:]
        for pair in kept { networks[pair.network, default: [:]][pair.name] = self.networks[pair.network]?[pair.name] }
        (self.networks, count) = (networks, kept.count)
    }
}
