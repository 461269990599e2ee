import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import Synchronization
import Testing

/// What a node has in memory, while others change the store and others want the room.
@Suite struct MemoryTests {
    private func createGrant(on key: String, _ name: String = "g") -> String {
        #"""
        {"KeyId":"\#(key)","GranteePrincipal":"arn:aws:iam::111122223333:root","Operations":["Decrypt"],"Name":"\#(name)"}
        """#
    }

    private func grantCount(of key: String, on node: NodeHarness) async throws -> Int {
        let list = try await node.call(.listGrants, #"{"KeyId":"\#(key)","Limit":100}"#).object()
        guard case .array(let grants)? = list["Grants"] else { return 0 }
        return grants.count
    }

    // MARK: The feed

    @Test func `a node that fell behind has forgotten nothing that belongs to its keys`() async throws {
        try await withNodes { nodes in
            let keys = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<15 { group.addTask { try await nodes[0].makeKey() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for key in keys { #expect(await nodes[0].call(.createGrant, createGrant(on: key)).code == nil) }
            let store = nodes[0].store
            for _ in 0..<8 {
                store.forgetsFeed.store(true, ordering: .relaxed)
                // While everything leaves memory, it comes back again.
                while store.forgetsFeed.load(ordering: .relaxed) {
                    for key in keys { #expect(try await grantCount(of: key, on: nodes[1]) == 1) }
                }
                for key in keys { #expect(try await grantCount(of: key, on: nodes[1]) == 1) }
            }
            // Nobody tells of this change.
            var record = try #require(try await store.contents().keys.first)
            record.state = .disabled
            record.version += 1
            let key = record.arn.keyID.description
            _ = try await nodes[1].encrypt(with: key)
            try await store.commitSilently(Change([.updateKey(record, expecting: record.version - 1)]))
            try await eventually("disabled") {
                store.forgetsFeed.store(true, ordering: .relaxed)
                return await nodes[1].call(.generateDataKey, #"{"KeyId":"\#(key)","KeySpec":"AES_256"}"#).code
                    == .disabled
            }
        }
    }

    @Test func `many who ask for material that is not there have the key read once for all`() async throws {
        try await withNodes(1, follow: false) { nodes in
            let (node, store) = (nodes[0], nodes[0].store)
            let text = try await node.encrypt(with: try await node.makeKey())
            var bytes = try #require(Data(base64Encoded: text))
            bytes[30] ^= 1
            let other = bytes.base64EncodedString()
            store.pause.withLock { $0 = { try? await Task.sleep(for: .milliseconds(200)) } }
            let before = store.updateCount.load(ordering: .relaxed)
            await withTaskGroup { group in
                for _ in 0..<50 { group.addTask { #expect(await node.decrypt(other).code == .invalidCiphertext) } }
            }
            // The one that was there first, and one for those who came while it read.
            #expect(store.updateCount.load(ordering: .relaxed) - before <= 3)
        }
    }

    @Test func `a key that changes all the time comes into memory, and is read as a whole once`() async throws {
        try await withNodes(follow: false) { nodes in
            let following = Task { await nodes[1].engine.follower?.run() }
            defer { following.cancel() }
            let store = nodes[0].store
            let count = Atomic(0)
            try await eventually("it is warm") { store.pageCount.load(ordering: .relaxed) >= 1 }
            let key = try await nodes[0].makeKey()
            let text = try await nodes[0].encrypt(with: key)
            let whole = store.keyReadingCount.load(ordering: .relaxed)
            store.pause.withLock { pause in
                pause = {
                    let number = count.add(1, ordering: .relaxed).newValue
                    guard number <= 5 else { return }
                    let made = await store.addGrant(number, toKey: key)
                    #expect(made)
                    let readings = store.idleReadings.load(ordering: .relaxed)
                    try? await eventually("it is known") {
                        store.idleReadings.load(ordering: .relaxed) > readings + 1
                    }
                }
            }
            #expect(await nodes[1].decrypt(text).code == nil)
            #expect(store.keyReadingCount.load(ordering: .relaxed) - whole == 1)
            #expect(try await grantCount(of: key, on: nodes[1]) == 5)
        }
    }

    // MARK: Aliases

    @Test func `an alias that was made anew can be changed on a node that knew the one before`() async throws {
        try await withNodes { nodes in
            let key = try await nodes[0].makeKey()
            #expect(await nodes[0].call(.createAlias, #"{"AliasName":"alias/a","TargetKeyId":"\#(key)"}"#).code == nil)
            for _ in 0..<3 {
                let moved = await nodes[0].call(.updateAlias, #"{"AliasName":"alias/a","TargetKeyId":"\#(key)"}"#)
                #expect(moved.code == nil)
            }
            _ = try await nodes[1].encrypt(with: "alias/a")
            let store = nodes[0].store
            var alias = try #require(try await store.contents().aliases.first)
            let version = alias.version
            #expect(version > 1)
            alias.version = 1
            try await store.commit(Change([.deleteAlias(alias.arn, expecting: version), .insertAlias(alias)]))
            let deleted = await nodes[1].call(.deleteAlias, #"{"AliasName":"alias/a"}"#)
            #expect(deleted.code == nil)
            #expect(try await store.contents().aliases.isEmpty)
        }
    }

    @Test func `an alias that another node deleted just now can be made`() async throws {
        try await withNodes(follow: false) { nodes in
            let (first, second) = (try await nodes[0].makeKey(), try await nodes[0].makeKey())
            let create = { (key: String) in #"{"AliasName":"alias/a","TargetKeyId":"\#(key)"}"# }
            #expect(await nodes[0].call(.createAlias, create(first)).code == nil)
            _ = try await nodes[1].encrypt(with: "alias/a")
            #expect(await nodes[0].call(.deleteAlias, #"{"AliasName":"alias/a"}"#).code == nil)
            #expect(await nodes[1].call(.createAlias, create(second)).code == nil)
        }
    }

    // MARK: What is due

    private func makeDue(_ key: KeyRecord, ago seconds: Double, in store: SharedMemoryStore) async throws {
        var key = key
        key.rotation = RotationSchedule(periodInDays: 365, nextRotation: Date().addingTimeInterval(-seconds))
        key.version += 1
        try await store.commit(Change([.updateKey(key, expecting: key.version - 1)]))
    }

    @Test func `what another node has done since the store was asked is not done before its time`() async throws {
        try await withNodes(1) { nodes in
            let store = nodes[0].store
            _ = try await nodes[0].makeKey()
            try await makeDue(try #require(try await store.contents().keys.first), ago: 10, in: store)
            let isDone = Atomic(false)
            store.afterNext.withLock { after in
                after = {
                    guard !isDone.exchange(true, ordering: .relaxed), var key = try? await store.contents().keys.first
                    else { return }
                    key.rotation = RotationSchedule(periodInDays: 365, nextRotation: Date().addingTimeInterval(86400))
                    key.version += 1
                    try? await store.commit(Change([.updateKey(key, expecting: key.version - 1)]))
                }
            }
            for _ in 0..<3 { await nodes[0].engine.housekeeping.doWhatIsDue() }
            let wasDone = isDone.load(ordering: .relaxed)
            #expect(wasDone)
            #expect(try await store.contents().materials.count == 1)
        }
    }

    @Test func `a damaged key that is due keeps no other from what is due`() async throws {
        try await withNodes(1) { nodes in
            let store = nodes[0].store
            _ = try await nodes[0].makeKey()
            _ = try await nodes[0].makeKey()
            let keys = try await store.contents().keys
            var damaged = keys[0]
            damaged.policy = "{"
            damaged.version += 1
            try await store.commit(Change([.updateKey(damaged, expecting: damaged.version - 1)]))
            try await makeDue(damaged, ago: 100, in: store)
            try await makeDue(keys[1], ago: 10, in: store)
            await nodes[0].engine.housekeeping.doWhatIsDue()
            let materials = try await store.contents().materials
            #expect(materials.count { $0.key == keys[1].arn } == 2 && materials.count == 3)
        }
    }

    // MARK: Room

    @Test func `a new root key reaches every key, however few there is room for`() async throws {
        try await withTemporaryDirectory { directory in
            let store = try await SharedMemoryStore(in: directory)
            let node = try await NodeHarness("n0", over: store, in: directory, capacity: 1)
            for _ in 0..<20 { _ = try await node.makeKey() }
            let before = Set(try await store.contents().materials.map(\.wrapped))
            let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
            _ = try await node.engine.rootRotation.rotate(endingSessions: true, sealing: { try seal.seal($0) })
            let after = try await store.contents().materials
            #expect(after.count == 20 && after.allSatisfy { !before.contains($0.wrapped) })
            await node.close()
            try await store.close()
        }
    }
}
