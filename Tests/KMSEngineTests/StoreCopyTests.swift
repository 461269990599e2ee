import Foundation
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite
import Synchronization
import Testing

/// Everything from one store in another, or nothing that a server starts from.
struct StoreCopyTests {
    /// Makes a store with something of everything, and lends it and an empty one.
    private func withStores(
        _ body: (_ source: SQLiteStore, _ target: SQLiteStore, _ directory: URL) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let (from, to) = (directory.appendingPathComponent("from"), directory.appendingPathComponent("to"))
            let harness = try await EngineHarness(in: from)
            for number in 0..<7 {
                let tags = #"[{"TagKey":"n","TagValue":"\#(number)"}]"#
                let key = try await harness.makeKey(#"{"MultiRegion":true,"Tags":\#(tags)}"#)
                for name in ["a", "b"] {
                    let alias = #"{"AliasName":"alias/\#(name)\#(number)","TargetKeyId":"\#(key)"}"#
                    #expect(await harness.call(.createAlias, alias).code == nil)
                    let grant =
                        #"{"KeyId":"\#(key)","GranteePrincipal":"arn:aws:iam::111122223333:root","Operations":["Decrypt"]}"#
                    #expect(await harness.call(.createGrant, grant).code == nil)
                }
                #expect(await harness.call(.rotateKeyOnDemand, #"{"KeyId":"\#(key)"}"#).code == nil)
                let replica = #"{"KeyId":"\#(key)","ReplicaRegion":"eu-west-1"}"#
                #expect(await harness.call(.replicateKey, replica).code == nil)
                let plaintext = #"{"KeyId":"\#(key)","Plaintext":"aGk="}"#
                #expect(await harness.call(.encrypt, plaintext).code == nil)
            }
            try await harness.advance(days: 0)
            try await harness.close()
            try FileManager.default.createDirectory(at: to, withIntermediateDirectories: true)
            let (source, target) = (
                try await SQLiteStore.open(in: from.path), try await SQLiteStore.open(in: to.path)
            )
            try await body(source, target, directory)
            try await source.close()
            try await target.close()
        }
    }

    private func isIncomplete(_ store: any Store) async throws -> Bool {
        StoreCopy.isIncomplete(try await store.frame().settings)
    }

    private func expectFailure(
        _ copy: StoreCopy, restarting: Bool = false, _ isExpected: (StoreCopy.Failure) -> Bool
    ) async {
        do throws(StoreCopy.Failure) {
            _ = try await copy.run(of: 0, restarting: restarting)
            Issue.record("it was copied")
        } catch {
            #expect(isExpected(error), "\(error)")
        }
    }

    @Test func `a copy has everything, and a server starts from it`() async throws {
        try await withStores { source, target, directory in
            let report = try await StoreCopy(
                from: source, to: target, leavingOut: ["audit.anchor"], adding: ["seal": [1]]
            ).run(of: 14)
            #expect(report.differences.isEmpty)
            #expect(report.keys == 14 && report.aliases == 14 && report.grants == 14 && report.accounts == 1)
            #expect(report.materials == 28)
            let (before, after) = (try await source.contents(), try await target.contents())
            func inOrder(_ keys: [KeyRecord]) -> [KeyRecord] {
                keys.sorted { ($0.arn.keyID, $0.arn.region) < ($1.arn.keyID, $1.arn.region) }
            }
            #expect(inOrder(before.keys) == inOrder(after.keys))
            #expect(before.accessKeys == after.accessKeys)
            #expect(after.usages.count == 7)
            var settings = before.settings
            settings["seal"] = [1]
            settings["audit.anchor"] = nil
            #expect(after.settings.filter { !$0.value.isEmpty } == settings.filter { !$0.value.isEmpty })
            try await target.close()
            let to = directory.appendingPathComponent("to")
            try FileManager.default.copyItem(
                at: directory.appendingPathComponent("from/root.key"), to: to.appendingPathComponent("root.key"))
            let harness = try await EngineHarness(in: to)
            #expect(await harness.call(.encrypt, #"{"KeyId":"alias/a3","Plaintext":"aGk="}"#).code == nil)
            try await harness.close()
        }
    }

    @Test func `a store that has something is not copied to`() async throws {
        try await withStores { source, target, _ in
            try await target.commit(Change([.setSetting("something", [1])]))
            await expectFailure(StoreCopy(from: source, to: target)) {
                if case .targetNotEmpty = $0 { true } else { false }
            }
            #expect(try await target.contents().keys.isEmpty)
            #expect(try await !isIncomplete(target))
            await expectFailure(StoreCopy(from: source, to: source), restarting: true) {
                if case .targetNotEmpty = $0 { true } else { false }
            }
        }
    }

    @Test func `a store that no server has begun is not copied`() async throws {
        try await withStores { source, target, _ in
            await expectFailure(StoreCopy(from: target, to: source)) {
                if case .sourceUnmarked = $0 { true } else { false }
            }
        }
    }

    @Test func `records that are not in the audit log yet are not left behind`() async throws {
        try await withStores { source, target, _ in
            try await source.commit(Change([.keepAuditLines(KeptAuditLines(eventID: "1", lines: [1]))]))
            await expectFailure(StoreCopy(from: source, to: target)) {
                if case .sourceHasAuditLines = $0 { true } else { false }
            }
        }
    }

    @Test(arguments: [0, 1, 2, 3])
    func `a copy that broke off is marked, and is made anew when that is asked for`(commits: Int) async throws {
        try await withStores { source, target, _ in
            let breaking = BreakingStore(target, after: commits)
            await expectFailure(StoreCopy(from: source, to: breaking)) {
                if case .target = $0 { true } else { false }
            }
            guard commits > 0 else { return }
            #expect(try await isIncomplete(target))
            await expectFailure(StoreCopy(from: source, to: target)) {
                if case .targetIncomplete = $0 { true } else { false }
            }
            await expectFailure(StoreCopy(from: target, to: source)) {
                if case .sourceIncomplete = $0 { true } else { false }
            }
            let report = try await StoreCopy(from: source, to: target).run(of: 14, restarting: true)
            #expect(report.differences.isEmpty && report.keys == 14)
            #expect(try await !isIncomplete(target))
        }
    }

    @Test func `who copies is asked before the target is touched, once it is marked, and before the mark goes`()
        async throws
    {
        struct Refusal: Error {}
        try await withStores { source, target, _ in
            func moment(_ wanted: @escaping @Sendable (StoreCopy.Moment) -> Bool, restarting: Bool) async -> Bool {
                do throws(StoreCopy.Failure) {
                    _ = try await StoreCopy(from: source, to: target).run(
                        of: 14, restarting: restarting, reaching: { if wanted($0) { throw Refusal() } })
                } catch {
                    if case .refused(let reason) = error { return reason is Refusal }
                }
                return false
            }
            let found: @Sendable (StoreCopy.Moment) -> Bool = {
                if case .targetFound(false) = $0 { true } else { false }
            }
            #expect(await moment(found, restarting: false))
            #expect(try await target.frame().settings.isEmpty)
            #expect(await moment({ if case .targetMarked = $0 { true } else { false } }, restarting: false))
            #expect(try await isIncomplete(target))
            #expect(await moment({ if case .targetFound(true) = $0 { true } else { false } }, restarting: true))
            #expect(await moment({ if case .compared = $0 { true } else { false } }, restarting: true))
            #expect(try await target.contents().keys.count == 14)
            #expect(try await isIncomplete(target))
            try await target.commit(Change([.setSetting("copy.incomplete", [])]))
            let untouched: @Sendable (StoreCopy.Moment) -> Void = { _ in Issue.record("it has something") }
            do throws(StoreCopy.Failure) {
                _ = try await StoreCopy(from: source, to: target).run(of: 14, restarting: true, reaching: untouched)
                Issue.record("it was copied")
            } catch {
                if case .targetNotEmpty = error {} else { Issue.record("\(error)") }
            }
        }
    }

    @Test func `what is not the same is found, and the copy stays incomplete`() async throws {
        try await withStores { source, target, _ in
            let changing = BreakingStore(target, losingUsages: true)
            let report = try await StoreCopy(from: source, to: changing).run(of: 14)
            #expect(report.differences.count == 7)
            #expect(try await isIncomplete(target))
        }
    }
}

/// A store that is away after some commits, or loses something of each.
private final class BreakingStore: Store {
    private let store: any Store
    private let losesUsages: Bool
    private let rest: Mutex<Int>

    init(_ store: any Store, after commits: Int = .max, losingUsages: Bool = false) {
        self.store = store
        losesUsages = losingUsages
        rest = Mutex(commits)
    }

    func commit(_ change: Change) async throws(StoreError) {
        let isThere = rest.withLock { rest in
            rest -= 1
            return rest >= 0
        }
        guard isThere else { throw .unavailable("away") }
        let kept = change.mutations.filter { if case .setUsage = $0 { !losesUsages } else { true } }
        try await store.commit(Change(kept))
    }

    func contents() async throws(StoreError) -> StoreContents { try await store.contents() }
    func frame() async throws(StoreError) -> StoreContents { try await store.frame() }
    func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await store.keys(after: last, limit: limit)
    }
    func copy(to path: String) async throws(StoreError) { try await store.copy(to: path) }
    func check() async throws(StoreError) { try await store.check() }
    func close() async throws(StoreError) { try await store.close() }
}
