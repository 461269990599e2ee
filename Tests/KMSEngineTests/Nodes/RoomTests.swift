import Foundation
import KMSEngine
import KMSModel
import KMSStore
import Synchronization
import Testing

/// What becomes of requests where there is room for few keys, and of changes that others come before.
@Suite struct RoomTests {
    private func makeKeys(_ count: Int, on node: NodeHarness) async throws -> [(key: String, text: String)] {
        var made: [(key: String, text: String)] = []
        for _ in 0..<count {
            let key = try await node.makeKey()
            made.append((key, try await node.encrypt(with: key)))
        }
        return made
    }

    @Test func `a request can name two keys of which neither is in memory`() async throws {
        try await withNodes(1, follow: false, capacity: 4) { nodes in
            let node = nodes[0]
            let keys = try await makeKeys(12, on: node)
            for (one, other) in zip(keys, keys.dropFirst(6)) {
                let answer = await node.call(
                    .reEncrypt, #"{"CiphertextBlob":"\#(one.text)","DestinationKeyId":"\#(other.key)"}"#)
                #expect(answer.code == nil)
            }
            for (number, pair) in zip(keys, keys.dropFirst(6)).enumerated() {
                let name = "alias/\(number)"
                let made = await node.call(.createAlias, #"{"AliasName":"\#(name)","TargetKeyId":"\#(pair.0.key)"}"#)
                #expect(made.code == nil)
            }
            for (number, pair) in zip(keys, keys.dropFirst(6)).enumerated() {
                let moved = await node.call(
                    .updateAlias, #"{"AliasName":"alias/\#(number)","TargetKeyId":"\#(pair.1.key)"}"#)
                #expect(moved.code == nil)
            }
        }
    }

    @Test func `garbage that names material which is nowhere is refused as garbage`() async throws {
        try await withNodes(1, follow: false) { nodes in
            let text = try await nodes[0].encrypt(with: try await nodes[0].makeKey())
            var bytes = try #require(Data(base64Encoded: text))
            for place in 20..<min(bytes.count, 60) { bytes[place] ^= 0x55 }
            let answer = await nodes[0].decrypt(bytes.base64EncodedString())
            #expect(answer.code != nil && answer.code != .dependencyTimeout)
        }
    }

    @Test func `however little room there is, no answer is wrong for the want of it`() async throws {
        try await withNodes(1, follow: false, capacity: 2) { nodes in
            let node = nodes[0]
            let keys = try await makeKeys(12, on: node)
            try await withThrowingTaskGroup { group in
                for task in 0..<12 {
                    group.addTask {
                        for round in 0..<10 {
                            let key = keys[(task + round * 5) % keys.count]
                            let decrypted = await node.decrypt(key.text).code
                            #expect(decrypted == nil || decrypted == .dependencyTimeout)
                            let described = await node.call(.describeKey, #"{"KeyId":"\#(key.key)"}"#).code
                            #expect(described == nil || described == .dependencyTimeout)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `a key that has to leave at once is not said to be nowhere`() async throws {
        try await withNodes(1, follow: false, capacity: 1) { nodes in
            let node = nodes[0]
            let keys = try await makeKeys(16, on: node)
            try await withThrowingTaskGroup { group in
                for key in keys {
                    group.addTask {
                        for _ in 0..<20 {
                            let code = await node.decrypt(key.text).code
                            #expect(code == nil || code == .dependencyTimeout)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `a grant whose key leaves memory is not said to be nowhere`() async throws {
        try await withNodes(1, follow: false, capacity: 1) { nodes in
            let node = nodes[0]
            let keys = try await makeKeys(8, on: node)
            var granted: [(key: String, grant: String)] = []
            for (key, _) in keys {
                let grantee = "arn:aws:iam::111122223333:root"
                let made = await node.call(
                    .createGrant,
                    #"{"KeyId":"\#(key)","GranteePrincipal":"\#(grantee)","Operations":["Decrypt"]}"#)
                granted.append((key, try made.string("GrantId")))
            }
            try await withThrowingTaskGroup { group in
                for (key, grant) in granted {
                    group.addTask {
                        let arn = "arn:aws:kms:\(EngineHarness.region):111122223333:key/\(key)"
                        for _ in 0..<20 {
                            let code = await node.call(
                                .retireGrant, #"{"KeyId":"\#(arn)","GrantId":"\#(grant)","DryRun":true}"#
                            ).code
                            #expect(code == .dryRunOperation || code == .dependencyTimeout)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `a key of another region is not found, whether it is in memory or not`() async throws {
        try await withNodes { nodes in
            let key = try await nodes[0].makeKey()
            for node in nodes {
                let answer = await node.call(.describeKey, #"{"KeyId":"\#(key)"}"#, in: "eu-west-1")
                #expect(answer.code == .notFound)
            }
        }
    }

    @Test func `a replica is found where the key is in memory from before`() async throws {
        try await withNodes(follow: false) { nodes in
            let key = try await nodes[0].makeKey(#"{"MultiRegion":true}"#)
            #expect(await nodes[1].call(.describeKey, #"{"KeyId":"\#(key)"}"#).code == nil)
            let replicated = await nodes[0].call(.replicateKey, #"{"KeyId":"\#(key)","ReplicaRegion":"eu-west-1"}"#)
            #expect(replicated.code == nil)
            #expect(await nodes[1].call(.describeKey, #"{"KeyId":"\#(key)"}"#, in: "eu-west-1").code == nil)
        }
    }

    @Test func `a change that is late in memory does not bring back what others took away meanwhile`() async throws {
        try await withNodes { nodes in
            let key = try await nodes[0].makeKey()
            _ = try await nodes[1].encrypt(with: key)
            let store = nodes[0].store
            let isDone = Atomic(false)
            store.afterCommit.withLock { after in
                after = { change in
                    guard change.mutations.contains(where: { if case .insertAlias = $0 { true } else { false } }),
                        !isDone.exchange(true, ordering: .relaxed)
                    else { return }
                    let deleted = await nodes[1].call(.deleteAlias, #"{"AliasName":"alias/late"}"#)
                    #expect(deleted.code == nil)
                    let readings = store.idleReadings.load(ordering: .relaxed)
                    try? await eventually("the change is known") {
                        store.idleReadings.load(ordering: .relaxed) > readings + 6
                    }
                }
            }
            let made = await nodes[0].call(.createAlias, #"{"AliasName":"alias/late","TargetKeyId":"\#(key)"}"#)
            #expect(made.code == nil)
            let wasDone = isDone.load(ordering: .relaxed)
            #expect(wasDone)
            #expect(await nodes[0].call(.describeKey, #"{"KeyId":"alias/late"}"#).code == .notFound)
        }
    }

    @Test func `nobody of an account that is damaged in the store is let in, and the node goes on`() async throws {
        try await withNodes(1) { nodes in
            let (node, store) = (nodes[0], nodes[0].store)
            let text = try await node.encrypt(with: try await node.makeKey())
            var account = try #require(try await store.contents().accounts.first)
            account.version += 1
            store.hasDamagedAccounts.store(true, ordering: .relaxed)
            try await store.commit(Change([.updateAccount(account, expecting: account.version - 1)]))
            try await eventually("refused") { await node.decrypt(text).code != nil }
            #expect(await node.decrypt(text).code != .dependencyTimeout)
            let readings = store.idleReadings.load(ordering: .relaxed)
            try await eventually("the feed goes on") { store.idleReadings.load(ordering: .relaxed) > readings + 1 }
        }
    }

    @Test func `a node that is to serve no time without the store serves as long as that is there`() async throws {
        try await withNodes(1, outage: .zero) { nodes in
            for _ in 0..<5 {
                try await eventually("served") { await nodes[0].call(.createKey, "{}").code == nil }
            }
        }
    }

    @Test func `a store whose clock is years away is not gone by`() async throws {
        try await withNodes(1, outage: .seconds(15)) { nodes in
            let text = try await nodes[0].encrypt(with: try await nodes[0].makeKey())
            nodes[0].store.clockLead.store(40_000_000, ordering: .relaxed)
            try await eventually("refused") { await nodes[0].decrypt(text).code == .dependencyTimeout }
            nodes[0].store.clockLead.store(0, ordering: .relaxed)
            try await eventually("answered again") { await nodes[0].decrypt(text).code == nil }
        }
    }
}
