import KMSModel
import KMSStore
import KMSStorePostgreSQL
import Testing

/// What a node reads again of keys that it has in memory.
@Suite(.postgreSQL) struct UpdateTests {
    private let samples: Samples

    init() throws { samples = try Samples() }

    private func grants(_ numbers: some Sequence<Int>) throws -> [Mutation] {
        try numbers.map { .insertGrant(try samples.grant($0)) }
    }

    @Test func `a key comes with the grants that have changed since, and no others`() async throws {
        try await SharedStores.withTwo { one, two in
            try await one.commit(
                Change(
                    [
                        .insertKey(try samples.key(1)), .insertAlias(try samples.alias()),
                        .insertKey(try samples.key(2)),
                    ] + grants(0..<100)))
            let position = try await two.position().position
            let known: Set = [try samples.arn(1), try samples.arn(2)]
            let before = try await two.updates(of: known, since: position)
            #expect(before.map(\.changedGrants) == [[], []] && before.allSatisfy(\.key.grants.isEmpty))
            #expect(Set(before.map(\.key.record.arn)) == known && before.flatMap(\.key.aliases).count == 1)

            try await one.commit(
                Change(
                    [
                        .deleteGrant(try samples.arn(1), try samples.grantID(7)),
                        .updateKey(try samples.key(1, version: 2), expecting: 1),
                    ] + grants(100..<250)))
            try await one.commit(Change([.deleteGrant(try samples.arn(1), try samples.grantID(200))]))
            let after = try await two.updates(of: [try samples.arn(1)], since: position)
            #expect(after.map(\.key.record.version) == [2])
            let changed = try ([7] + Array(100..<250)).map(samples.grantID)
            let present = try (100..<250).filter { $0 != 200 }.map(samples.grantID)
            #expect(after.first?.changedGrants == Set(changed))
            #expect(Set(after.flatMap(\.key.grants).map(\.id)) == Set(present))
            #expect(try await two.updates(of: [try samples.arn(3)], since: position).isEmpty)
        }
    }

    @Test func `a key comes with all grants when any may have changed`() async throws {
        try await SharedStores.withTwo { one, two in
            try await one.commit(Change([.insertKey(try samples.key(1))] + grants(0..<3)))
            let position = try await two.position().position
            let key = try samples.arn(1)
            // Another key of the same name.
            try await one.commit(Change([.deleteKey(key, expecting: 1)]))
            #expect(try await two.updates(of: [key], since: position).isEmpty)
            try await one.commit(Change([.insertKey(try samples.key(1))] + grants([2, 8])))
            let updates = try await two.updates(of: [key], since: position)
            #expect(updates.count == 1 && updates.first?.changedGrants == nil)
            #expect(try updates.first.map { Set($0.key.grants.map(\.id)) } == [samples.grantID(2), samples.grantID(8)])
            // A position that is none, or from before all that the feed has.
            let now = try await two.position().position
            for parts in [[], now.parts.map { $0 - 20_000 }, now.parts.map { $0 + 1 }] {
                let updates = try await two.updates(of: [key], since: FeedPosition(parts: parts, tags: now.tags))
                #expect(updates.first?.changedGrants == nil && updates.first?.key.grants.count == 2)
            }
        }
    }

    @Test func `an entry that cannot be understood, or very many of them, mean that any grant may have changed`()
        async throws
    {
        for damage in [
            "record = NULL", "record = '\\x61'", "record = '\\x612f62'", "account = NULL", "region = 'moon'",
        ] {
            let stores = try SharedStores()
            let store = try await stores.open("one")
            try await store.commit(Change([.insertKey(try samples.key(1))]))
            let position = try await store.position().position
            try await store.commit(Change(try grants(0..<2)))
            try stores.server.sql("UPDATE change SET \(damage) WHERE kind = 'grant'", in: stores.directory)
            let updates = try await store.updates(of: [try samples.arn(1)], since: position)
            #expect(updates.map(\.changedGrants) == [nil] && updates.first?.key.grants.count == 2, "\(damage)")
            try await store.close()
        }
        try await SharedStores.withTwo { one, two in
            try await one.commit(Change([.insertKey(try samples.key(1))]))
            let position = try await two.position().position
            try await one.commit(Change(try grants(0..<201)))
            let updates = try await two.updates(of: [try samples.arn(1)], since: position)
            #expect(updates.map(\.changedGrants) == [nil] && updates.first?.key.grants.count == 201)
        }
    }

    @Test func `a key of another region that nobody knew comes with all of its grants`() async throws {
        let elsewhere = try Samples(region: "eu-west-1")
        try await SharedStores.withTwo { one, two in
            try await one.commit(Change([.insertKey(try samples.key(1)), .insertKey(try elsewhere.key(1))]))
            let position = try await two.position().position
            try await one.commit(
                Change([.insertGrant(try elsewhere.grant(1)), .insertGrant(try samples.grant(2))]))
            let updates = try await two.updates(of: [try samples.arn(1)], since: position)
            #expect(updates.allSatisfy { $0.changedGrants == nil && $0.key.grants.count == 1 } && updates.count == 2)
        }
    }
}
