import Foundation
import KMSModel
import KMSStore
import KMSStorePostgreSQL
import Testing

/// What nodes have among themselves: leases, audit lines, the tables.
@Suite(.postgreSQL) struct NodeTests {
    private let samples: Samples

    init() throws { samples = try Samples() }

    // MARK: Leases

    @Test func `one holder has a lease until it gives it up`() async throws {
        try await SharedStores.withTwo { one, two in
            #expect(try await one.claim("work", for: "one", lasting: .seconds(600)))
            #expect(try await !two.claim("work", for: "two", lasting: .seconds(600)))
            #expect(try await one.claim("work", for: "one", lasting: .seconds(600)))
            #expect(try await two.claim("other", for: "two", lasting: .seconds(600)))
            try await two.release("work", by: "two")
            #expect(try await !two.claim("work", for: "two", lasting: .seconds(600)))
            try await one.release("work", by: "one")
            #expect(try await two.claim("work", for: "two", lasting: .seconds(600)))
            #expect(try await !one.claim("work", for: "one", lasting: .seconds(600)))
        }
    }

    @Test func `a lease that is over is another's to take`() async throws {
        try await SharedStores.withTwo { one, two in
            #expect(try await one.claim("work", for: "one", lasting: .milliseconds(1)))
            try await Task.sleep(for: .milliseconds(20))
            #expect(try await one.heldLeases(beginning: "").isEmpty)
            #expect(try await two.claim("work", for: "two", lasting: .seconds(600)))
            #expect(try await !one.claim("work", for: "one", lasting: .seconds(600)))
        }
    }

    @Test func `of many who claim at once one has it`() async throws {
        try await SharedStores.withTwo { one, two in
            for round in 0..<10 {
                let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<8 {
                        group.addTask {
                            try await (number % 2 == 0 ? one : two).claim(
                                "work \(round)", for: "holder \(number)", lasting: .seconds(600))
                        }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(winners == 1)
            }
        }
    }

    @Test func `held leases are listed by what they begin with`() async throws {
        try await SharedStores.withTwo { one, two in
            for name in ["node/b", "node/A", "node/a-1", "node", "nodes/x", "no%e/y"] {
                let isHeld = try await one.claim(name, for: "one", lasting: .seconds(600))
                #expect(isHeld)
            }
            #expect(try await two.heldLeases(beginning: "node/") == ["node/A", "node/a-1", "node/b"])
            #expect(try await two.heldLeases(beginning: "no%e") == ["no%e/y"])
        }
    }

    @Test func `a lease from when the clock was wrong ends in its time`() async throws {
        let stores = try SharedStores()
        let store = try await stores.open("two")
        let far = "('work', 'gone', 9223372036854775807), ('node/gone', 'gone', 32503680000000)"
        try stores.server.sql("INSERT INTO lease VALUES \(far)", in: stores.directory)
        // Its holder may live, and have it for as long as that.
        #expect(try await !store.claim("work", for: "two", lasting: .milliseconds(200)))
        try await Task.sleep(for: .milliseconds(300))
        #expect(try await store.claim("work", for: "two", lasting: .seconds(600)))
        let late = "SELECT name FROM lease WHERE expiry > extract(epoch FROM now()) * 1000 + 3610000"
        #expect(try stores.server.sql(late, in: stores.directory) == "")
        #expect(try await store.heldLeases(beginning: "node/") == ["node/gone"])
        try await store.close()
    }

    /// Functions of a schema that stands before the server's own are not the server's.
    @Test func `the clock is the server's, whatever functions there are`() async throws {
        let stores = try SharedStores()
        _ = try stores.server.location(of: stores.directory)
        let schema = PostgreSQLServer.schema(of: stores.directory)
        try stores.server.sql(
            """
            CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT timestamptz ''2001-01-01''';
            CREATE FUNCTION more(bigint, bigint) RETURNS bool LANGUAGE sql AS 'SELECT false';
            CREATE OPERATOR > (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = more);
            """, in: stores.directory)
        let location = stores.server.location(schema: "\(schema)%2Cpg_catalog")
        let store = try await PostgreSQLStore.open(location, node: "one")
        #expect(abs(try await store.position().date.timeIntervalSinceNow) < 3600)
        #expect(try await store.claim("work", for: "one", lasting: .seconds(600)))
        #expect(try await store.heldLeases(beginning: "") == ["work"])
        try await store.close()
        #expect(try stores.server.sql("SELECT count(*) FROM \(schema).lease") == "1")
    }

    // MARK: Audit lines

    @Test func `audit lines are their node's until another adopts them`() async throws {
        let kept = (0..<6).map { KeptAuditLines(eventID: "event \(9 - $0)", lines: [UInt8($0), 0]) }
        try await SharedStores.withTwo { one, two in
            for (number, lines) in kept.enumerated() {
                try await (number % 2 == 0 ? one : two).commit(Change([.keepAuditLines(lines)]))
            }
            #expect(try await one.frame().auditLines == [kept[0], kept[2], kept[4]])
            #expect(try await two.frame().auditLines == [kept[1], kept[3], kept[5]])
            #expect(try await one.contents().auditLines == kept)
            #expect(try await one.nodesWithAuditLines() == ["one", "two"])
            #expect(try await one.adoptAuditLines(of: "two") == [kept[1], kept[3], kept[5]])
            #expect(try await one.adoptAuditLines(of: "two").isEmpty)
            #expect(try await one.adoptAuditLines(of: "one").isEmpty)
            #expect(try await one.nodesWithAuditLines() == ["one"])
            #expect(try await two.frame().auditLines.isEmpty)
            #expect(try await one.frame().auditLines == kept)
            try await two.commit(Change([.forgetAuditLines(kept[3].eventID)]))
            #expect(try await one.frame().auditLines.count == 5)
        }
    }

    // MARK: Tables

    @Test func `many nodes make the tables at once`() async throws {
        let stores = try SharedStores()
        _ = try stores.server.location(of: stores.directory)
        let opened = try await withThrowingTaskGroup(of: PostgreSQLStore.self) { group in
            for number in 0..<6 { group.addTask { try await stores.open("node \(number)") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try await opened[0].commit(Change([.setSetting("a", [1])]))
        for store in opened {
            #expect(try await store.settings() == ["a": [1]])
            try await store.close()
        }
        #expect(try stores.server.sql("SELECT number FROM schema_step", in: stores.directory) == "0\n1\n2\n3")
    }

    @Test func `a store is found without being made or changed`() async throws {
        let stores = try SharedStores()
        let location = try stores.server.location(of: stores.directory)
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
        let empty = try await PostgreSQLStore.find(location, node: "one")
        #expect(empty.settings.isEmpty)
        #expect(try stores.server.sql(tables, in: stores.directory) == "0")
        let store = try await empty.bringUpToDate()
        try await store.commit(Change([.setSetting("seal", [1, 2])]))
        try await store.close()
        let found = try await PostgreSQLStore.find(location, node: "two")
        #expect(found.settings == ["seal": [1, 2]])
        await found.close()
    }

    @Test func `a store of a newer version is found, and refused as it is`() async throws {
        let stores = try SharedStores()
        try await stores.open("one").close()
        try stores.server.sql("INSERT INTO schema_step VALUES (99, 'later')", in: stores.directory)
        let found = try await PostgreSQLStore.find(try stores.server.location(of: stores.directory), node: "one")
        await expectRefusal(.wrongFormat) { () throws(StoreError) in _ = try await found.bringUpToDate() }
        await found.close()
    }

    @Test func `tables of another program are left alone`() async throws {
        let stores = try SharedStores()
        _ = try stores.server.location(of: stores.directory)
        try stores.server.sql("CREATE TABLE kms_key (a BIGINT)", in: stores.directory)
        let location = try stores.server.location(of: stores.directory)
        await expectRefusal(.wrongFormat) { () throws(StoreError) in
            _ = try await PostgreSQLStore.open(location, node: "one")
        }
        let tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        #expect(try stores.server.sql(tables, in: stores.directory) == "kms_key\nschema_step")
    }

    @Test func `damage is found`() async throws {
        for (damage, name) in [
            ("UPDATE kms_key SET state = 'Odd'", "kms_key"), ("UPDATE key_grant SET grant_id = '\\x01'", "key_grant"),
            ("DELETE FROM change", "feed"), ("UPDATE feed SET position = position + 1 WHERE part = 0", "feed"),
            ("DELETE FROM feed WHERE part = 63", "feed"), ("UPDATE feed SET position = -1 WHERE part = 63", "feed"),
            (
                "ALTER TABLE alias DROP CONSTRAINT alias_account_region_target_fkey; UPDATE alias SET target = '\(try samples.arn(9).keyID)'",
                "alias"
            ),
            ("UPDATE account SET creation_date = -1", "account"),
            ("UPDATE key_count SET count = 2", "key_count"), ("DELETE FROM key_count", "key_count"),
        ] {
            let stores = try SharedStores()
            let store = try await stores.open("one")
            try await store.commit(
                Change([
                    .insertAccount(AccountRecord(id: samples.account, creationDate: samples.date(5))),
                    .insertKey(try samples.key(1)), .insertAlias(try samples.alias()),
                    .insertGrant(try samples.grant()),
                    .setSetting("a", []), .setSetting("b", []),
                ]))
            try await store.check()
            try stores.server.sql(damage, in: stores.directory)
            do {
                try await store.check()
                // A part without any entry may be one from which all were removed.
                #expect(damage == "DELETE FROM change", "\(damage)")
            } catch {
                guard case .corrupt(let text) = error else {
                    Issue.record("\(damage): \(error)")
                    continue
                }
                #expect(text.contains(name), "\(damage): \(text)")
            }
            try await store.close()
        }
    }

    @Test func `a copy is made elsewhere`() async throws {
        try await SharedStores.withTwo { one, _ in
            await expectRefusal(.unavailable) { () throws(StoreError) in try await one.copy(to: "/nowhere/copy") }
        }
    }

    // MARK: Locations

    @Test(arguments: [
        "postgresql://user:Schibboleth@127.0.0.1:1/base", "postgresql://user:%Schibboleth@127.0.0.1:1/base",
        "postgresql://user:Schi@Schibboleth@127.0.0.1:1/base", "postgresql://user:a/Schibboleth@127.0.0.1:1/base",
        "postgresql://user:Schibboleth/b@127.0.0.1:1/base", "postgresql://user:Schibboleth?c@127.0.0.1:1/base",
        "host=127.0.0.1 port=1 password=Schibboleth", "host=127.0.0.1 port=1 password='Schibboleth",
        "host=127.0.0.1 port=1 password=a Schibboleth", "postgresql://user:Schibboleth@127.0.0.1:1/base?sslmode=odd",
        "postgresql:/Schibboleth", "Schibboleth",
    ])
    func `no error shows a password`(location: String) async throws {
        do {
            try await PostgreSQLStore.open(location, node: "one").close()
            Issue.record("nobody is there")
        } catch {
            guard case .unavailable(let text) = error else { throw error }
            #expect(!text.contains("Schibboleth"), "\(text)")
        }
    }
}
