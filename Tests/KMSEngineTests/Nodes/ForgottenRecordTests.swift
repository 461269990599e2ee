import Foundation
import KMSEngine
import KMSModel
import KMSStore
import Synchronization
import Testing

/// The records of changes of which a node does not know whether they were made.
struct ForgottenRecordTests {
    /// Runs `body` with a node that has a key, and what counts its records of aliases that were made.
    private func withNode(
        _ body: (NodeHarness, _ key: String, _ count: () throws -> Int) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let store = try await SharedMemoryStore(in: directory)
            store.auditNode.withLock { $0 = "a" }
            let node = try await NodeHarness("a", over: store, in: directory)
            let log = directory.appendingPathComponent("audit-a/audit.jsonl")
            try await body(node, try await node.makeKey()) {
                try String(contentsOf: log, encoding: .utf8).split(separator: "\n").count {
                    $0.contains(#""eventName":"CreateAlias""#) && !$0.contains(#""errorCode""#)
                }
            }
            await node.close()
            try await store.close()
        }
    }

    private func makeAlias(_ name: String, of key: String, on node: NodeHarness) async -> Answer {
        await node.call(.createAlias, #"{"AliasName":"alias/\#(name)","TargetKeyId":"\#(key)"}"#)
    }

    /// Until the record has been found and written, and the store has forgotten it.
    private func recover(on node: NodeHarness, _ count: () throws -> Int) async throws {
        try await eventually("in the log") {
            await node.engine.housekeeping.reconcile()
            return try count() == 1
        }
        try await eventually("forgotten") {
            await node.engine.housekeeping.reconcile()
            return try await node.store.frame().auditLines.isEmpty
        }
    }

    @Test func `a change that was made although the store did not know is in the log, once`() async throws {
        try await withNode { node, key, count in
            node.store.isUnsure.store(true, ordering: .relaxed)
            #expect(await makeAlias("a", of: key, on: node).code != nil)
            node.store.isUnsure.store(false, ordering: .relaxed)
            #expect(try await node.store.contents().aliases.count == 1)
            #expect(try count() == 0)
            try await recover(on: node, count)
            #expect(try count() == 1)
        }
    }

    /// The change is made, its record found and written, and the store has forgotten it, before the commit answers.
    @Test func `a change whose commit takes long is in the log once`() async throws {
        try await withNode { node, key, count in
            let gate = Gate()
            node.store.afterCommit.withLock { $0 = { _ in await gate.wait() } }
            async let answer = makeAlias("a", of: key, on: node)
            try await recover(on: node, count)
            gate.isOpen.store(true, ordering: .relaxed)
            #expect(await answer.code == nil)
            #expect(try count() == 1)
        }
    }

    @Test func `changes under way are in the log once, however often it is looked`() async throws {
        try await withNode { node, key, count in
            node.store.afterCommit.withLock { $0 = { _ in try? await Task.sleep(for: .milliseconds(3)) } }
            let gate = Gate()
            async let looking: Void = {
                while !gate.isOpen.load(ordering: .relaxed) { await node.engine.housekeeping.reconcile() }
            }()
            await withTaskGroup { group in
                for number in 0..<40 {
                    group.addTask {
                        let answer = await makeAlias("\(number)", of: key, on: node)
                        #expect(answer.code == nil)
                    }
                }
            }
            gate.isOpen.store(true, ordering: .relaxed)
            await looking
            let total = try count()
            #expect(total == 40)
        }
    }
}

/// Holds up whoever waits until it is open.
private final class Gate: Sendable {
    let isOpen = Atomic(false)

    func wait() async {
        while !isOpen.load(ordering: .relaxed) { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
