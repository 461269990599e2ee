import Foundation
import KMSModel
import KMSStore
import KMSStorePostgreSQL
import Testing

/// What becomes of calls while the server is gone, and afterwards; each test has a server of its own.
@Suite(.postgreSQL, .serialized) struct OutageTests {
    private let samples: Samples

    init() throws { samples = try Samples() }

    @Test(arguments: ["INT", "QUIT"])
    func `a server that was started anew is found by itself`(signal: String) async throws {
        let server = try PostgreSQLServer()
        let stores = try SharedStores(server, patience: .seconds(5))
        let store = try await stores.open("one")
        // Several connections, of which none knows.
        try await withThrowingTaskGroup { group in
            for number in 0..<8 {
                group.addTask { try await store.commit(Change([.setSetting("\(number)", [])])) }
            }
            try await group.waitForAll()
        }
        try server.stop(signal)
        try server.start()
        for number in 8..<12 { try await store.commit(Change([.setSetting("\(number)", [])])) }
        #expect(try await store.settings().count == 12)
        try await store.check()
        try await store.close()
    }

    @Test func `without a server each call fails soon, and works again when there is one`() async throws {
        let server = try PostgreSQLServer()
        let stores = try SharedStores(server, patience: .seconds(5))
        let store = try await stores.open("one")
        try await store.commit(Change([.setSetting("a", [1])]))
        try server.stop("QUIT")
        let time = try await ContinuousClock().measure {
            try await withThrowingTaskGroup { group in
                for _ in 0..<50 {
                    group.addTask {
                        await expectRefusal(.unavailable) { () throws(StoreError) in
                            try await store.commit(Change([.setSetting("a", [2])]))
                        }
                        await expectRefusal(.unavailable) { () throws(StoreError) in _ = try await store.position() }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(time < .seconds(15), "\(time)")
        try server.start()
        #expect(try await store.settings() == ["a": [1]])
        try await store.commit(Change([.setSetting("a", [3])]))
        try await store.close()
    }

    /// As when a network drops packets: nobody says that there is nobody.
    @Test func `a server that says nothing is given up soon, and found again`() async throws {
        let server = try PostgreSQLServer()
        let stores = try SharedStores(server, patience: .seconds(2))
        let store = try await stores.open("one")
        try await store.commit(Change([.setSetting("a", [1])]))
        try server.freeze(true)
        defer { try? server.freeze(false) }
        for _ in 0..<2 {
            let time = try await ContinuousClock().measure {
                try await withThrowingTaskGroup { group in
                    for _ in 0..<30 {
                        group.addTask {
                            await expectRefusal(.unavailable) { () throws(StoreError) in
                                try await store.commit(Change([.setSetting("a", [2])]))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(time < .seconds(10), "\(time)")
        }
        try server.freeze(false)
        try await eventuallyCommits(store)
        #expect(try await store.settings()["b"] == [1])
        try await store.close()
    }

    /// On a busy machine the first connection may be late.
    private func eventuallyCommits(_ store: PostgreSQLStore) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            do throws(StoreError) {
                return try await store.commit(Change([.setSetting("b", [1])]))
            } catch {
                guard case .unavailable = error, ContinuousClock.now < deadline else { throw error }
            }
        }
    }

    /// To count, or to look at everything, may take long, so a server that says nothing is waited for.
    @Test(.timeLimit(.minutes(2))) func `a server that says nothing does not hold up the end`() async throws {
        let server = try PostgreSQLServer()
        let stores = try SharedStores(server, patience: .seconds(2))
        let store = try await stores.open("one")
        try await store.commit(Change([.setSetting("a", [1])]))
        try server.freeze(true)
        defer { try? server.freeze(false) }
        let counting = Task { _ = try await store.keyCounts() }
        try await Task.sleep(for: .milliseconds(300))
        counting.cancel()
        let end = ContinuousClock.now + .seconds(5)
        await #expect(throws: StoreError.self) { try await counting.value }
        #expect(.now < end)
        try server.freeze(false)
        try await eventuallyCommits(store)
        try server.freeze(true)
        let checking = Task { try await store.check() }
        try await Task.sleep(for: .milliseconds(300))
        let time = try await ContinuousClock().measure { try await store.close() }
        #expect(time < .seconds(10), "\(time)")
        await #expect(throws: StoreError.self) { try await checking.value }
    }

    /// A change that is on this server alone may be lost with it, so it does not count as made.
    @Test func `a wait for a standby that was ended is no success`() async throws {
        let server = try PostgreSQLServer()
        let stores = try SharedStores(server, patience: .seconds(3))
        let store = try await stores.open("one")
        try server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        try server.sql("SELECT pg_reload_conf()")
        try await Task.sleep(for: .milliseconds(500))
        let start = ContinuousClock.now
        await expectRefusal(.unavailable) { () throws(StoreError) in
            try await store.commit(Change([.setSetting("a", [1])]))
        }
        #expect(ContinuousClock.now - start < .seconds(10))
        async let cancelled: Void = expectRefusal(.unavailable) { () throws(StoreError) in
            try await store.commit(Change([.noteSetting("b", [1])]))
        }
        var ended = ""
        while !ended.contains("t") {
            ended = try server.sql(
                """
                SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                WHERE wait_event = 'SyncRep' AND query = 'COMMIT' AND query_start > now() - interval '2 seconds'
                """)
            try await Task.sleep(for: .milliseconds(50))
        }
        await cancelled
        try server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        try server.sql("SELECT pg_reload_conf()")
        try await Task.sleep(for: .milliseconds(500))
        try await store.commit(Change([.setSetting("c", [1])]))
        #expect(try await store.settings()["c"] == [1])
        try await store.close()
    }

    @Test func `a server that takes no changes is not used`() async throws {
        let server = try PostgreSQLServer()
        let stores = try SharedStores(server, patience: .seconds(3))
        let store = try await stores.open("one")
        try server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        try server.sql("SELECT pg_reload_conf()")
        try await Task.sleep(for: .milliseconds(300))
        await expectRefusal(.unavailable) { () throws(StoreError) in
            try await store.commit(Change([.setSetting("a", [1])]))
        }
        try server.sql("ALTER SYSTEM RESET default_transaction_read_only")
        try server.sql("SELECT pg_reload_conf()")
        try await Task.sleep(for: .milliseconds(300))
        try await store.commit(Change([.setSetting("a", [1])]))
        try await store.close()
    }
}
