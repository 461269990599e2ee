import Foundation
import KMSEngine
import KMSModel
import KMSStore
import Logging
import Synchronization
import Testing

/// Nodes that come, go, and are killed.
struct NodeMembershipTests {
    private let leases = Leases()

    private static var timing: NodeMembership.Timing {
        var timing = NodeMembership.Timing()
        (timing.lease, timing.interval) = (.milliseconds(600), .milliseconds(100))
        (timing.patience, timing.look) = (.milliseconds(300), .milliseconds(20))
        return timing
    }

    private func join(
        _ node: String, patience: Duration? = nil, lease: Duration? = nil
    ) async throws -> NodeMembership {
        var timing = Self.timing
        if let lease { timing.lease = lease }
        if let patience { timing.patience = patience }
        return try await NodeMembership.join(
            leases, as: node, timing: timing, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Waits until something is so.
    private func wait(_ isSo: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("it did not come to be")
    }

    @Test func `nodes count each other as they come and go`() async throws {
        let a = try await join("a")
        try await a.beginServing()
        #expect(a.liveNodeCount == 1)
        #expect(try await a.isAlone())
        let seen = Mutex<[Int]>([])
        a.observe { count in seen.withLock { $0.append(count) } }
        let b = try await join("b")
        try await b.beginServing()
        #expect(b.liveNodeCount == 2)
        try await wait { a.liveNodeCount == 2 }
        #expect(try await !a.isAlone())
        await b.leave()
        try await wait { a.liveNodeCount == 1 }
        #expect(seen.withLock { $0 } == [1, 2, 1])
        await a.leave()
        #expect(try await leases.heldLeases(beginning: "").isEmpty)
    }

    @Test func `a command has no part of what the nodes that serve admit, and is a node all the same`() async throws {
        let a = try await join("a")
        try await a.beginServing()
        let command = try await join("command")
        #expect(command.liveNodeCount == 1)
        let renewals = leases.renewals
        try await wait { leases.renewals > renewals + 6 }
        #expect(a.liveNodeCount == 1)
        #expect(try await !a.isAlone())
        await command.leave()
        await a.leave()
        #expect(try await leases.heldLeases(beginning: "").isEmpty)
    }

    @Test func `a node that follows one that was killed serves as soon as that is over too`() async throws {
        leases.put("serving/a", of: "a that was killed", for: .milliseconds(50))
        let a = try await join("a", patience: .seconds(60))
        async let serving: Void = a.beginServing()
        let refusals = leases.refusals
        try await wait { leases.refusals > refusals }
        leases.pass(.milliseconds(51))
        try await serving
        #expect(a.liveNodeCount == 1)
        await a.leave()
    }

    @Test func `what was held without a break is told from what was not`() async throws {
        let a = try await join("a")
        #expect(try await a.claim("root-key"))
        // As long as a stopped process is not heard of; the store grants the next claim all the same.
        leases.isAway.withLock { $0 = true }
        try await Task.sleep(for: Self.timing.lease + .milliseconds(50))
        leases.isAway.withLock { $0 = false }
        #expect(try await !a.holdsAllSinceTaken())
        #expect(try await a.isHeld("root-key"))
        await a.leave()
        let b = try await join("b", lease: .seconds(600))
        #expect(try await b.claim("root-key"))
        #expect(try await b.holdsAllSinceTaken())
        leases.put("root-key", of: "somebody else", for: .seconds(60))
        #expect(try await !b.holdsAllSinceTaken())
        leases.put("root-key", of: "nobody", for: .zero)
        #expect(try await !b.holdsAllSinceTaken(), "it was lost once")
        await b.leave()
    }

    @Test func `a name is one process's at a time`() async throws {
        let first = try await join("a")
        await #expect {
            _ = try await join("a")
        } throws: {
            if case .nameTaken("a")? = $0 as? NodeMembership.Failure { true } else { false }
        }
        // A restart waits for the end of the process before it.
        let refusals = leases.refusals
        async let second = join("a", patience: .seconds(60))
        try await wait { leases.refusals > refusals }
        await first.leave()
        await (try second).leave()
    }

    @Test func `the name of a node that was killed is free once its lease is over, and not before`() async throws {
        leases.put("node/a", of: "a that was killed", for: .seconds(15))
        async let a = join("a", patience: .seconds(60))
        for _ in 0..<2 {
            let refusals = leases.refusals
            try await wait { leases.refusals > refusals }
            leases.pass(.milliseconds(7499))
        }
        let refusals = leases.refusals
        try await wait { leases.refusals > refusals }
        leases.pass(.milliseconds(2))
        await (try a).leave()
    }

    @Test func `a name lasts longer than one lease, also when the store is away for a while`() async throws {
        let a = try await join("a")
        for _ in 0..<3 {
            leases.isAway.withLock { $0 = true }
            leases.pass(.milliseconds(300))
            leases.isAway.withLock { $0 = false }
            let renewals = leases.renewals
            try await wait { leases.renewals > renewals + 1 }
        }
        #expect(try await leases.heldLeases(beginning: "node/") == ["node/a"])
        await a.leave()
    }

    @Test(.timeLimit(.minutes(1))) func `a node ends when another process has its name`() async throws {
        let a = try await join("a")
        leases.put("node/a", of: "somebody else", for: .seconds(60))
        await #expect {
            try await a.run()
        } throws: {
            if case .nameTaken("a")? = $0 as? NodeMembership.Failure { true } else { false }
        }
        await a.leave()
        #expect(try await leases.heldLeases(beginning: "node/") == ["node/a"], "it is the other's")
    }

    @Test func `another lease is renewed with the name, until it is given up`() async throws {
        let (a, b) = (try await join("a"), try await join("b"))
        #expect(try await a.claim("root-key"))
        #expect(try await !b.claim("root-key"))
        for _ in 0..<3 {
            leases.pass(.milliseconds(300))
            let renewals = leases.renewals
            // Two leases, and another node's: all of them at least once.
            try await wait { leases.renewals > renewals + 8 }
        }
        #expect(try await b.isHeld("root-key"))
        await a.giveUp("root-key")
        #expect(try await b.claim("root-key"))
        await a.leave()
        await b.leave()
        #expect(try await leases.heldLeases(beginning: "").isEmpty)
    }
}

/// The leases of a store, and nothing else of it.
private final class Leases: SharedStore {
    private struct Held {
        /// The store's own clock, which nobody but a test moves.
        var now: Duration = .zero
        var leases: [String: (holder: String, end: Duration)] = [:]
        var (refusals, renewals) = (0, 0)
    }

    private let held = Mutex(Held())
    /// Whether the store cannot be reached.
    let isAway = Mutex(false)

    func put(_ lease: String, of holder: String, for duration: Duration) {
        held.withLock { $0.leases[lease] = (holder, $0.now + duration) }
    }

    func pass(_ duration: Duration) { held.withLock { $0.now += duration } }

    /// How often a lease was not to be had, and how often one was held on to.
    var refusals: Int { held.withLock { $0.refusals } }
    var renewals: Int { held.withLock { $0.renewals } }

    private func reach() throws(StoreError) {
        if isAway.withLock({ $0 }) { throw .unavailable("away") }
    }

    func claim(_ lease: String, for holder: String, lasting duration: Duration) async throws(StoreError) -> Bool {
        try reach()
        return held.withLock { held in
            if let present = held.leases[lease], present.end > held.now {
                guard present.holder == holder else {
                    held.refusals += 1
                    return false
                }
                held.renewals += 1
            }
            held.leases[lease] = (holder, held.now + duration)
            return true
        }
    }

    func release(_ lease: String, by holder: String) async throws(StoreError) {
        try reach()
        held.withLock { if $0.leases[lease]?.holder == holder { $0.leases[lease] = nil } }
    }

    func heldLeases(beginning prefix: String) async throws(StoreError) -> [String] {
        try reach()
        return held.withLock { held in
            held.leases.filter { $0.key.hasPrefix(prefix) && $0.value.end > held.now }.keys.sorted()
        }
    }

    // MARK: Not there

    private static let nothing = StoreError.unavailable("there are leases only")

    func position() async throws(StoreError) -> FeedNews { throw Self.nothing }
    func changes(after position: FeedPosition) async throws(StoreError) -> FeedNews { throw Self.nothing }
    func keys(_ ids: [KeyID]) async throws(StoreError) -> [StoredKey] { throw Self.nothing }
    func updates(of known: Set<KeyARN>, since position: FeedPosition) async throws(StoreError) -> [KeyUpdate] {
        throw Self.nothing
    }
    func alias(_ arn: AliasARN) async throws(StoreError) -> AliasRecord? { throw Self.nothing }
    func account(_ id: AccountID) async throws(StoreError) -> StoreContents { throw Self.nothing }
    func settings() async throws(StoreError) -> [String: [UInt8]] { throw Self.nothing }
    func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) async throws(StoreError) -> [KeyID] {
        throw Self.nothing
    }
    func aliases(in realm: Realm, after last: AliasName?, limit: Int) async throws(StoreError) -> [AliasRecord] {
        throw Self.nothing
    }
    func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) async throws(StoreError) -> [GrantRecord] { throw Self.nothing }
    func realms(of account: AccountID?) async throws(StoreError) -> [Realm] { throw Self.nothing }
    func customerKeyCount(in realm: Realm) async throws(StoreError) -> Int { throw Self.nothing }
    func keyCount(in realm: Realm, keptIn store: CustomKeyStoreID) async throws(StoreError) -> Int {
        throw Self.nothing
    }
    func hasKey(
        in realm: Realm, keptIn store: CustomKeyStoreID, behind id: ExternalKeyID
    ) async throws(StoreError) -> Bool { throw Self.nothing }
    func next(_ event: KeyEvent, limit: Int) async throws(StoreError) -> [KeyDue] { throw Self.nothing }
    func keyCounts() async throws(StoreError) -> [KeyKind: Int] { throw Self.nothing }
    func auditLines() async throws(StoreError) -> [KeptAuditLines] { throw Self.nothing }
    func nodesWithAuditLines() async throws(StoreError) -> [String] { throw Self.nothing }
    func adoptAuditLines(of node: String) async throws(StoreError) -> [KeptAuditLines] { throw Self.nothing }
    func contents() async throws(StoreError) -> StoreContents { throw Self.nothing }
    func frame() async throws(StoreError) -> StoreContents { throw Self.nothing }
    func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] { throw Self.nothing }
    func commit(_ change: Change) async throws(StoreError) { throw Self.nothing }
    func copy(to path: String) async throws(StoreError) { throw Self.nothing }
    func check() async throws(StoreError) { throw Self.nothing }
    func close() async throws(StoreError) {}
}
