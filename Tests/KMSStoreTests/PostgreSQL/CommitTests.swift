import Foundation
import KMSModel
import KMSStore
import KMSStorePostgreSQL
import Testing

/// What becomes of changes that meet others.
@Suite(.postgreSQL) struct CommitTests {
    private let samples: Samples

    init() throws { samples = try Samples() }

    @Test func `thousands of mutations are one change`() async throws {
        try await SharedStores.withTwo { one, two in
            let tags = [KMSModel.Tag(key: "k", value: "v")]
            let mutations: [Mutation] = try (0..<2000).flatMap { number in
                [
                    Mutation.insertKey(try samples.key(number, tags: tags)),
                    .insertMaterial(try samples.material(number, of: number, wrapped: Samples.secret(number))),
                    .setUsage(try samples.usage(of: number)),
                ]
            }
            let refused = Change(mutations + [.deleteGrant(try samples.arn(1), try samples.grantID(1))])
            await expectRefusal(.conflict) { () throws(StoreError) in try await one.commit(refused) }
            #expect(try await two.keys(after: nil, limit: 1).isEmpty)
            let position = try await two.position().position
            try await one.commit(Change(mutations))
            #expect(try await two.changes(after: position).records?.count == 2000)
            let contents = try await two.contents()
            #expect(contents.keys.count == 2000 && contents.materials.count == 2000 && contents.usages.count == 2000)
            let updates = try (0..<2000).map { number in
                var key = try samples.key(number, version: 2)
                key.state = .disabled
                return Mutation.updateKey(key, expecting: 1)
            }
            try await two.commit(Change(updates))
            #expect(try await one.keyCounts().keys.map(\.state) == [.disabled])
        }
    }

    @Test func `a last use never moves back`() async throws {
        func usage(_ key: Int, _ milliseconds: Int64, _ event: String) throws -> KeyUsageRecord {
            KeyUsageRecord(
                key: try samples.arn(key), operation: .sign, date: samples.date(1_700_000_400_000 + milliseconds),
                eventID: event, requestID: "r")
        }
        try await SharedStores.withTwo { one, two in
            try await one.commit(Change([.insertKey(try samples.key(1)), .insertKey(try samples.key(2))]))
            try await one.commit(Change([.setUsage(try usage(1, 5, "new")), .setUsage(try usage(2, 5, "old"))]))
            try await two.commit(Change([.setUsage(try usage(2, 6, "new")), .setUsage(try usage(1, 4, "old"))]))
            #expect(try await one.contents().usages.map(\.eventID) == ["new", "new"])
        }
    }

    /// Each in the order in which its node saw the keys, which would be a circle of locks.
    @Test func `nodes note many last uses at once`() async throws {
        try await SharedStores.withTwo { one, two in
            let keys = 0..<200
            try await one.commit(Change(try keys.map { .insertKey(try samples.key($0)) }))
            let usages = try keys.map { Mutation.setUsage(try samples.usage(of: $0)) }
            try await withThrowingTaskGroup { group in
                for round in 0..<10 {
                    let order = round % 2 == 0 ? usages : usages.reversed()
                    group.addTask { try await (round % 2 == 0 ? one : two).commit(Change(order)) }
                }
                try await group.waitForAll()
            }
            #expect(try await two.contents().usages.count == 200)
        }
    }

    @Test func `changes that wait for each other in a circle are made one after the other`() async throws {
        try await SharedStores.withTwo { one, two in
            let names = (0..<40).map { "setting \($0)" }
            try await withThrowingTaskGroup { group in
                for round in 0..<12 {
                    let order = round % 2 == 0 ? names : names.reversed()
                    let change = Change(order.map { .noteSetting($0, [UInt8(round)]) })
                    group.addTask { try await (round % 2 == 0 ? one : two).commit(change) }
                }
                try await group.waitForAll()
            }
            #expect(Set(try await one.settings().values).count == 1)
        }
    }

    @Test func `more callers than connections are all served`() async throws {
        try await SharedStores.withTwo { one, two in
            try await withThrowingTaskGroup { group in
                for number in 0..<400 {
                    let store = number % 2 == 0 ? one : two
                    group.addTask {
                        if number % 10 == 0 {
                            try await store.commit(Change([.noteSetting("\(number)", [1])]))
                        } else {
                            _ = try await store.settings()
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await one.settings().count == 40)
        }
    }

    @Test func `a change whose connection is ended before it is made is made on another`() async throws {
        let stores = try SharedStores()
        let store = try await stores.open("one")
        try await store.commit(Change([.insertKey(try samples.key(1)), .setSetting("a", [1])]))
        let lock = try stores.server.begin(
            "BEGIN; UPDATE setting SET value = value WHERE name = 'a'; SELECT pg_sleep(600)", in: stores.directory)
        defer { lock.terminate() }
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND \(Self.isLock(stores))"
        while try stores.server.sql(sleeping) != "1" { try await Task.sleep(for: .milliseconds(10)) }
        async let commit: Void = store.commit(
            Change([.updateKey(try samples.key(1, version: 2), expecting: 1), .setSetting("a", [2])]))
        // Until it waits for the lock.
        let waiting = """
            SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'chatelaine one'
                AND pg_blocking_pids(pid) <> '{}' AND query LIKE 'INSERT INTO setting%'
            """
        var pid = ""
        while pid.isEmpty {
            pid = try stores.server.sql(waiting + " AND \(Self.isBlockedBy(stores))", in: stores.directory)
            try await Task.sleep(for: .milliseconds(10))
        }
        try stores.server.sql("SELECT pg_terminate_backend(\(pid))", in: stores.directory)
        try stores.server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \(Self.isLock(stores))",
            in: stores.directory)
        try await commit
        #expect(try await store.keys(after: nil, limit: 1).map(\.record.version) == [2])
        #expect(try await store.settings() == ["a": [2]])
        try await store.check()
        try await store.close()
    }

    /// Whether a session is the one that `begin` began, in the schema of this test.
    private static func isLock(_ stores: SharedStores) -> String {
        "application_name = 'lock \(PostgreSQLServer.schema(of: stores.directory).suffix(12))'"
    }

    private static func isBlockedBy(_ stores: SharedStores) -> String {
        "EXISTS (SELECT 1 FROM pg_stat_activity l WHERE l.pid = ANY(pg_blocking_pids(pg_stat_activity.pid)) AND l.\(isLock(stores)))"
    }
}
