import Foundation
import KMSEngine
import KMSModel
import KMSStore
import Logging
import Synchronization
import Testing

/// What nodes know of each other's changes.
@Suite struct NodeTests {
    // MARK: What was never in memory

    @Test func `a key of one node is used on another at once`() async throws {
        try await withNodes(follow: false) { nodes in
            let key = try await nodes[0].makeKey()
            let text = try await nodes[1].encrypt(with: key)
            #expect(await nodes[0].decrypt(text).code == nil)
            #expect(await nodes[1].decrypt(text).code == nil)
            #expect(
                await nodes[1].call(.describeKey, #"{"KeyId":"00000000-0000-0000-0000-000000000000"}"#).code
                    == .notFound)
        }
    }

    @Test func `an alias of one node is used on another at once, also of a key that is in memory`() async throws {
        try await withNodes(follow: false) { nodes in
            let key = try await nodes[0].makeKey()
            _ = try await nodes[1].encrypt(with: key)
            let made = await nodes[0].call(.createAlias, #"{"AliasName":"alias/a","TargetKeyId":"\#(key)"}"#)
            #expect(made.code == nil)
            _ = try await nodes[1].encrypt(with: "alias/a")
            let again = await nodes[1].call(.createAlias, #"{"AliasName":"alias/a","TargetKeyId":"\#(key)"}"#)
            #expect(again.code == .alreadyExists)
        }
    }

    @Test func `a grant token makes a grant known that no feed has told of`() async throws {
        try await withNodes(follow: false) { nodes in
            let key = try await nodes[0].makeKey()
            _ = try await nodes[1].encrypt(with: key)
            let grant = await nodes[0].call(
                .createGrant,
                #"{"KeyId":"\#(key)","GranteePrincipal":"arn:aws:iam::111122223333:root","Operations":["Decrypt"]}"#)
            let token = try grant.string("GrantToken")
            let retired = await nodes[1].call(.retireGrant, #"{"GrantToken":"\#(token)"}"#)
            #expect(retired.code == nil)
        }
    }

    @Test func `the key of a service that two nodes ask for first is one`() async throws {
        try await withNodes(follow: false) { nodes in
            let keys = try await withThrowingTaskGroup(of: String.self) { group in
                for node in nodes {
                    for _ in 0..<4 {
                        group.addTask {
                            try await node.call(.describeKey, #"{"KeyId":"alias/aws/s3"}"#)
                                .string("KeyMetadata", "KeyId")
                        }
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(keys.count == 1)
            #expect(try await nodes[0].store.contents().keys.count == 1)
        }
    }

    // MARK: What was in memory

    @Test func `what another node changed is seen within a second`() async throws {
        try await withNodes { nodes in
            let key = try await nodes[0].makeKey()
            let text = try await nodes[1].encrypt(with: key)
            #expect(await nodes[0].call(.disableKey, #"{"KeyId":"\#(key)"}"#).code == nil)
            #expect(await nodes[0].decrypt(text).code == .disabled)
            let start = ContinuousClock.now
            try await eventually("disabled") { await nodes[1].decrypt(text).code == .disabled }
            // The cluster test measures the bound of a second, on a machine that has nothing else to do.
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(await nodes[1].call(.enableKey, #"{"KeyId":"\#(key)"}"#).code == nil)
            try await eventually("enabled") { await nodes[0].decrypt(text).code == nil }
        }
    }

    @Test func `an alias that moves, and one that goes, do so on every node`() async throws {
        try await withNodes { nodes in
            let (first, second) = (try await nodes[0].makeKey(), try await nodes[0].makeKey())
            _ = await nodes[0].call(.createAlias, #"{"AliasName":"alias/a","TargetKeyId":"\#(first)"}"#)
            func target() async throws -> String {
                try await nodes[1].call(.describeKey, #"{"KeyId":"alias/a"}"#).string("KeyMetadata", "KeyId")
            }
            #expect(try await target() == first)
            _ = await nodes[0].call(.updateAlias, #"{"AliasName":"alias/a","TargetKeyId":"\#(second)"}"#)
            try await eventually("moved") { try await target() == second }
            _ = await nodes[0].call(.deleteAlias, #"{"AliasName":"alias/a"}"#)
            try await eventually("gone") {
                await nodes[1].call(.describeKey, #"{"KeyId":"alias/a"}"#).code == .notFound
            }
            let list = await nodes[1].call(.listAliases, #"{"KeyId":"\#(first)"}"#)
            #expect(try list.object()["Aliases"] == .array([]))
        }
    }

    @Test func `a change that is made from an old version is made anew`() async throws {
        try await withNodes(follow: false) { nodes in
            let key = try await nodes[0].makeKey()
            _ = try await nodes[1].encrypt(with: key)
            for (number, node) in [nodes[0], nodes[1], nodes[0], nodes[1]].enumerated() {
                let answer = await node.call(
                    .tagResource, #"{"KeyId":"\#(key)","Tags":[{"TagKey":"t\#(number)","TagValue":""}]}"#)
                #expect(answer.code == nil)
            }
            #expect(try await nodes[0].store.contents().keys.first?.tags.count == 4)
        }
    }

    @Test func `many changes from everywhere all happen`() async throws {
        try await withNodes(3) { nodes in
            let key = try await nodes[0].makeKey()
            try await withThrowingTaskGroup { group in
                for (place, node) in nodes.enumerated() {
                    group.addTask {
                        for number in 0..<10 {
                            let answer = await node.call(
                                .tagResource,
                                #"{"KeyId":"\#(key)","Tags":[{"TagKey":"t\#(place)-\#(number)","TagValue":""}]}"#)
                            #expect(answer.code == nil)
                        }
                    }
                }
                try await group.waitForAll()
            }
            for node in nodes {
                try await eventually("30 tags") {
                    guard
                        case .array(let tags)? = try await node.call(.listResourceTags, #"{"KeyId":"\#(key)"}"#)
                            .object()["Tags"]
                    else { return false }
                    return tags.count == 30
                }
            }
        }
    }

    @Test func `what was read before a change is not put into memory after it`() async throws {
        try await withNodes(follow: false) { nodes in
            let following = Task { await nodes[1].engine.follower?.run() }
            defer { following.cancel() }
            let store = nodes[1].store
            // There is nothing to read at its start any more.
            try await eventually("it is warm") { store.pageCount.load(ordering: .relaxed) >= 1 }
            let key = try await nodes[0].makeKey()
            let text = try await nodes[0].encrypt(with: key)
            // While the second node reads the key for the first time, the first disables it.
            let isChanged = Atomic(false)
            store.pause.withLock { pause in
                pause = {
                    guard !isChanged.exchange(true, ordering: .relaxed) else { return }
                    _ = await nodes[0].call(.disableKey, #"{"KeyId":"\#(key)"}"#)
                    // The feed brings the change before the reading ends.
                    let readings = store.idleReadings.load(ordering: .relaxed)
                    try? await eventually("the change is known") {
                        store.idleReadings.load(ordering: .relaxed) > readings + 1
                    }
                }
            }
            _ = await nodes[1].decrypt(text)
            let wasChanged = isChanged.load(ordering: .relaxed)
            #expect(wasChanged)
            #expect(await nodes[1].decrypt(text).code == .disabled)
        }
    }

    // MARK: Room

    @Test func `more keys than there is room for are all of use`() async throws {
        try await withNodes(1, capacity: 10) { nodes in
            var texts: [String] = []
            for _ in 0..<40 { texts.append(try await nodes[0].encrypt(with: try await nodes[0].makeKey())) }
            for _ in 0..<3 {
                for text in texts { #expect(await nodes[0].decrypt(text).code == nil) }
            }
            let list = await nodes[0].call(.listKeys, #"{"Limit":30}"#)
            guard case .array(let keys)? = try list.object()["Keys"] else {
                Issue.record("no keys")
                return
            }
            #expect(keys.count == 30)
        }
    }

    @Test func `a key that is used again and again stays in memory while others come and go`() async throws {
        try await withNodes(1, capacity: 10) { nodes in
            let node = nodes[0]
            func count(_ name: String) throws -> Double {
                let text = node.engine.monitoring.exposition(version: "test")
                let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(name) ") })
                return try #require(Double(line.dropFirst(name.count + 1)))
            }
            let hot = try await node.encrypt(with: try await node.makeKey())
            var texts: [String] = []
            for _ in 0..<30 {
                texts.append(try await node.encrypt(with: try await node.makeKey()))
                #expect(await node.decrypt(hot).code == nil)
            }
            #expect(try count("chatelaine_cached_keys") == 10)
            #expect(try count("chatelaine_cached_keys_limit") == 10)
            // When all have been used since the hand came by, it may take this one too.
            #expect(try count("chatelaine_key_cache_misses_total") <= 6)
            for text in texts {
                #expect(await node.decrypt(text).code == nil)
                #expect(await node.decrypt(hot).code == nil)
            }
            #expect(try count("chatelaine_cached_keys") == 10)
            // Of the others, the last few were there still.
            #expect((20...42).contains(try count("chatelaine_key_cache_misses_total")))
        }
    }

    @Test func `all keys are verified, more than are in memory`() async throws {
        try await withNodes(1, capacity: 10) { nodes in
            for _ in 0..<300 { _ = try await nodes[0].makeKey() }
            let report = try await nodes[0].engine.verification.run { _, _ in }
            #expect(report.materials == 300 && report.damaged == 0 && report.secrets == 1)
        }
    }

    // MARK: Outage

    @Test func `a node that is cut off answers from memory for a while, then refuses, and recovers`() async throws {
        try await withNodes(1, outage: .seconds(15)) { nodes in
            let (node, monitoring) = (nodes[0], nodes[0].engine.monitoring)
            let key = try await node.makeKey()
            let text = try await node.encrypt(with: key)
            node.engine.metrics.phase = .serving
            node.store.isCut.store(true, ordering: .relaxed)
            #expect(await node.decrypt(text).code == nil)
            #expect(await node.call(.disableKey, #"{"KeyId":"\#(key)"}"#).code == .dependencyTimeout)
            #expect(await node.call(.listKeys, "{}").code == .dependencyTimeout)
            #expect(await monitoring.problems().isEmpty)
            try await eventually("refuses") { await node.decrypt(text).code == .dependencyTimeout }
            #expect(await monitoring.problems().count == 1)
            node.store.isCut.store(false, ordering: .relaxed)
            try await eventually("recovers") { await node.decrypt(text).code == nil }
            #expect(await monitoring.problems().isEmpty)
            #expect(await node.call(.disableKey, #"{"KeyId":"\#(key)"}"#).code == nil)
        }
    }

    @Test func `a store that gives no answer is not waited for again and again`() async throws {
        try await withNodes(1) { nodes in
            let key = try await nodes[0].makeKey()
            let text = try await nodes[0].encrypt(with: key)
            let (node, store) = (nodes[0], nodes[0].store)
            let flag = Flag()
            store.isSilent.store(true, ordering: .relaxed)
            defer { store.isSilent.store(false, ordering: .relaxed) }
            var attempts: [Task<Void, Never>] = []
            // Who asks first waits; whoever comes later is refused at once.
            try await eventually("refused") {
                attempts.append(
                    Task {
                        let answer = await node.call(.listKeys, "{}")
                        if answer.code == .dependencyTimeout { flag.isSet.store(true, ordering: .relaxed) }
                    })
                return flag.isSet.load(ordering: .relaxed)
            }
            #expect(await node.decrypt(text).code == nil)
            store.isSilent.store(false, ordering: .relaxed)
            for attempt in attempts { await attempt.value }
            try await eventually("changes") {
                await node.call(.disableKey, #"{"KeyId":"\#(key)"}"#).code == nil
            }
        }
    }

    @Test func `a node refuses in the end when the store answers but takes nothing any more`() async throws {
        try await withNodes(1, outage: .seconds(15)) { nodes in
            var timing = NodeMembership.Timing()
            timing.interval = .milliseconds(100)
            let (node, monitoring) = (nodes[0], nodes[0].engine.monitoring)
            let membership = try await NodeMembership.join(
                node.store, as: "n0", timing: timing, logger: Logger(label: "test"))
            node.engine.join(membership)
            node.engine.metrics.phase = .serving
            let text = try await node.encrypt(with: try await node.makeKey())
            try await Task.sleep(for: .milliseconds(500))
            node.store.isFenced.store(true, ordering: .relaxed)
            #expect(await node.decrypt(text).code == nil)
            try await eventually("refuses") { await node.decrypt(text).code == .dependencyTimeout }
            #expect(await monitoring.problems().count == 1)
            node.store.isFenced.store(false, ordering: .relaxed)
            try await eventually("recovers") { await node.decrypt(text).code == nil }
            await membership.leave()
        }
    }

    // MARK: Work that is due

    @Test func `what is due is done by one node, once`() async throws {
        try await withNodes(3) { nodes in
            let key = try await nodes[0].makeKey()
            #expect(await nodes[0].call(.enableKeyRotation, #"{"KeyId":"\#(key)"}"#).code == nil)
            let stored = try await nodes[0].store.contents()
            var record = try #require(stored.keys.first)
            record.rotation = RotationSchedule(periodInDays: 365, nextRotation: Date().addingTimeInterval(-10))
            record.version += 1
            try await nodes[1].store.commit(Change([.updateKey(record, expecting: record.version - 1)]))
            await withTaskGroup { group in
                for node in nodes { group.addTask { for _ in 0..<5 { await node.engine.housekeeping.doWhatIsDue() } } }
            }
            #expect(try await nodes[0].store.contents().materials.count == 2)
            let text = try await nodes[2].encrypt(with: key)
            for node in nodes { #expect(await node.decrypt(text).code == nil) }
        }
    }
}
