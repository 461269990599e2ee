import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite
import Logging
import Synchronization
import Testing

/// The audit logs of nodes that share a store.
struct AuditNodesTests {
    /// Nodes that share a store, each with a directory of its own.
    private struct Nodes {
        let directory: URL
        let rootKey: RootKey
        let store: any Store

        init(in directory: URL) async throws {
            self.directory = directory
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
            try seal.create()
            rootKey = try seal.open()
            store = try await SQLiteStore.open(in: directory.path)
        }

        func audit(of node: String?) -> URL { directory.appendingPathComponent("audit-\(node ?? "alone")") }

        func start(_ node: String?, on store: (any Store)? = nil, rootKey: RootKey? = nil) async throws -> Engine {
            var configuration = EngineConfiguration()
            configuration.node = node
            return try await Engine(
                store: store ?? self.store, rootKey: rootKey ?? self.rootKey, auditDirectory: audit(of: node),
                configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        /// Starts a node, lets it record so many lines, and ends it.
        func run(_ node: String?, recording count: Int) async throws {
            let engine = try await start(node)
            for number in 0..<count {
                let line = #"{"eventTime":"2026-01-01T00:00:00Z","eventName":"E\#(number)"}"#
                try await engine.audit.append(Array(line.utf8) + [0x0A], .now)
            }
            await engine.finish()
        }

        func verify(_ node: String?, in directory: URL? = nil) async throws -> AuditReport? {
            try await AuditVerification.byStore(
                store, rootKey: rootKey, node: node, directory: directory ?? audit(of: node))?.run()
        }

        func settings() async throws -> [String: [UInt8]] { try await store.frame().settings }
    }

    @Test func `each node has a chain of its own, and goes on with it`() async throws {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            try await nodes.run("a", recording: 3)
            try await nodes.run("b.example", recording: 2)
            try await nodes.run("a", recording: 4)
            let a = try #require(try await nodes.verify("a"))
            #expect(a.isWhole && a.sequences == 1...7, "\(a.findings)")
            let b = try #require(try await nodes.verify("b.example"))
            #expect(b.isWhole && b.sequences == 1...2, "\(b.findings)")
            let names = try await nodes.settings().keys.filter { $0.hasPrefix("audit.") }
            #expect(names.sorted() == ["audit.anchor/a", "audit.anchor/b.example", "audit.key"])
            #expect(try await AuditVerification.nodes(in: nodes.store) == ["a", "b.example"])
            try await nodes.store.close()
        }
    }

    @Test func `a log of one node does not pass for that of another`() async throws {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            try await nodes.run("a", recording: 3)
            try await nodes.run("b", recording: 3)
            let report = try #require(try await nodes.verify("b", in: nodes.audit(of: "a")))
            #expect(!report.isWhole)
            #expect(try await nodes.verify("c", in: nodes.audit(of: "a")) == nil)
            #expect(try await nodes.verify(nil, in: nodes.audit(of: "a")) == nil)
            try await nodes.store.close()
        }
    }

    @Test func `a node whose end was cut off is found out, and goes on behind it`() async throws {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            try await nodes.run("a", recording: 3)
            try FileManager.default.removeItem(at: nodes.audit(of: "a").appendingPathComponent("audit.jsonl"))
            let report = try #require(try await nodes.verify("a"))
            #expect(report.findings.map(\.description) == ["at the end of the log: records 1 to 3 are missing"])
            try await nodes.run("a", recording: 1)
            // The discrepancy, and the record.
            #expect(try await nodes.verify("a")?.sequences == 4...5)
            try await nodes.store.close()
        }
    }

    @Test func `a process that has the store for itself finds its own log whole, before nodes and after`() async throws
    {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            try await nodes.run(nil, recording: 2)
            try await nodes.run("a", recording: 3)
            try await nodes.run(nil, recording: 2)
            #expect(try await nodes.verify(nil)?.sequences == 1...4)
            #expect(try await nodes.verify(nil)?.isWhole == true)
            try await nodes.store.close()
        }
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            try await nodes.run("a", recording: 3)
            try await nodes.run(nil, recording: 2)
            #expect(try await nodes.verify(nil)?.sequences == 1...2)
            #expect(try await nodes.verify(nil)?.isWhole == true)
            try await nodes.store.close()
        }
    }

    @Test func `a verification writes nothing, also into a store that no server has begun`() async throws {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            #expect(try await nodes.verify("a") == nil)
            #expect(try await nodes.settings().isEmpty)
            try await nodes.store.close()
        }
    }

    @Test func `of transactions at the same time one tells how far the log is`() async throws {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            let counting = RacingStore(nodes.store, delay: .milliseconds(2)) {}
            let engine = try await nodes.start("a", on: counting)
            await withTaskGroup { group in
                for number in 0..<50 {
                    group.addTask {
                        try? await engine.audit.append(Array("{\"eventName\":\"E\(number)\"}\n".utf8), .now)
                        await engine.housekeeping.flush()
                    }
                }
            }
            #expect(counting.mostNotes == 1)
            await engine.finish()
            let report = try #require(try await nodes.verify("a"))
            #expect(report.isWhole && report.sequences == 1...50)
            // The last one was told as well.
            try FileManager.default.removeItem(at: nodes.audit(of: "a").appendingPathComponent("audit.jsonl"))
            let findings = try await nodes.verify("a")?.findings.map(\.description)
            #expect(findings == ["at the end of the log: records 1 to 50 are missing"])
            try await nodes.store.close()
        }
    }

    // MARK: The first start

    @Test func `of two nodes that start at once on a new store the second takes what the first has made`() async throws
    {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            // Before each first value that b would set, a has started and set it.
            let racing = RacingStore(nodes.store) { try await nodes.run("a", recording: 1) }
            let b = try await nodes.start("b", on: racing)
            #expect(racing.lostRaces >= 1)
            try await b.audit.append(Array(#"{"eventName":"E"}"#.utf8) + [0x0A], .now)
            await b.finish()
            for node in ["a", "b"] { #expect(try await nodes.verify(node)?.isWhole == true) }
            try await nodes.store.close()
        }
    }

    @Test func `of two nodes with different root keys that start at once one refuses`() async throws {
        try await withTemporaryDirectory { directory in
            let nodes = try await Nodes(in: directory)
            let seal = FileSeal(path: directory.appendingPathComponent("other.key").path)
            try seal.create()
            let other = try seal.open()
            let racing = RacingStore(nodes.store) { try await nodes.run("a", recording: 1) }
            await #expect {
                _ = try await nodes.start("b", on: racing, rootKey: other)
            } throws: {
                if case .wrongRootKey? = $0 as? Engine.StartFailure { true } else { false }
            }
            #expect(try await AuditVerification.nodes(in: nodes.store) == ["a"])
            try await nodes.store.close()
        }
    }
}

/// A store in which somebody else is first to set what is set for the first time, and which counts notes under way.
private final class RacingStore: Store {
    private let store: any Store
    private let winner: @Sendable () async throws -> Void
    private let delay: Duration?
    private let state = Mutex((hasWon: false, lost: 0, notes: 0, mostNotes: 0))

    init(_ store: any Store, delay: Duration? = nil, _ winner: @escaping @Sendable () async throws -> Void) {
        self.store = store
        self.winner = winner
        self.delay = delay
    }

    /// How many transactions at the same time noted how far the log is.
    var mostNotes: Int { state.withLock { $0.mostNotes } }
    var lostRaces: Int { state.withLock { $0.lost } }

    func commit(_ change: Change) async throws(StoreError) {
        let isFirstValue = change.mutations.contains { if case .insertSetting = $0 { true } else { false } }
        if isFirstValue, !state.withLock({ $0.hasWon }) {
            state.withLock { $0.hasWon = true }
            do { try await winner() } catch { throw .unavailable("\(error)") }
        }
        let isNote = !isFirstValue && change.mutations.contains { if case .noteSetting = $0 { true } else { false } }
        if isNote {
            state.withLock {
                $0.notes += 1
                $0.mostNotes = max($0.mostNotes, $0.notes)
            }
        }
        defer { if isNote { state.withLock { $0.notes -= 1 } } }
        if let delay { try? await Task.sleep(for: delay) }
        do throws(StoreError) {
            try await store.commit(change)
        } catch {
            if isFirstValue, error.isConflict { state.withLock { $0.lost += 1 } }
            throw error
        }
    }

    /// What was there before the other began, as if both had read at the same time.
    func contents() async throws(StoreError) -> StoreContents { try await store.contents() }
    func frame() async throws(StoreError) -> StoreContents { try await store.frame() }
    func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await store.keys(after: last, limit: limit)
    }
    func copy(to path: String) async throws(StoreError) { try await store.copy(to: path) }
    func check() async throws(StoreError) { try await store.check() }
    func close() async throws(StoreError) { try await store.close() }
}
