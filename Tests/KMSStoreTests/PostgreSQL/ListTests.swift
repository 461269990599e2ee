import Foundation
import KMSModel
import KMSStore
import KMSStorePostgreSQL
import Testing

/// What nodes ask the store because they do not hold all keys.
@Suite(.postgreSQL) struct ListTests {
    private let samples: Samples

    init() throws { samples = try Samples() }

    @Test func `keys are found by their identifiers, in every region`() async throws {
        let elsewhere = try Samples(region: "us-east-1")
        try await SharedStores.withTwo { one, two in
            try await one.commit(
                Change([
                    .insertKey(try samples.fullKey(1)), .insertMaterial(try samples.fullMaterial(3)),
                    .insertMaterial(try samples.material(1)), .insertAlias(try samples.alias()),
                    .insertGrant(try samples.fullGrant()), .setUsage(try samples.usage()),
                    .insertKey(try elsewhere.key(1)), .insertMaterial(try elsewhere.material(2)),
                    .insertAlias(try elsewhere.alias()), .insertKey(try samples.key(2)), .insertKey(try samples.key(3)),
                ]))
            let all = try await one.contents().storedKeys
            for numbers in [[], [1], [2], [1, 2], [3, 1, 2], [9], [1, 9, 2, 8, 7]] as [[Int]] {
                let ids = try numbers.map { try samples.arn($0).keyID }
                let found = try await two.keys(ids)
                let expected = all.filter { ids.contains($0.record.arn.keyID) }
                #expect(found.count == expected.count)
                #expect(expected.allSatisfy(found.contains))
            }
            #expect(try await two.keys([try samples.arn(1).keyID]).map(\.materials.count).sorted() == [1, 2])
        }
    }

    @Test func `many keys are found together`() async throws {
        try await SharedStores.withTwo { one, two in
            let keys = try (0..<300).map { try samples.key($0) }
            try await one.commit(Change(keys.map(Mutation.insertKey)))
            let found = try await two.keys(keys.map(\.arn.keyID) + keys.prefix(10).map(\.arn.keyID))
            #expect(found.map(\.record).sorted { $0.arn.keyID < $1.arn.keyID } == keys)
        }
    }

    @Test func `single records are found or not`() async throws {
        let other = try #require(AccountID("999988887777"))
        try await SharedStores.withTwo { one, two in
            try await one.commit(
                Change([
                    .insertAccount(AccountRecord(id: samples.account, creationDate: samples.date(5))),
                    .insertAccount(AccountRecord(id: other, creationDate: samples.date(5))),
                    .insertAccessKey(samples.accessKey()),
                    .putIdentity(try StoredIdentity(samples.user, of: samples.account)),
                    .insertKey(try samples.key(1)), .insertAlias(try samples.alias()), .setSetting("a", [1]),
                ]))
            #expect(try await two.alias(try samples.alias().arn) == (try samples.alias()))
            #expect(try await two.alias(try samples.alias("b").arn) == nil)
            let account = try await two.account(samples.account)
            #expect(account.accounts.map(\.id) == [samples.account] && account.accessKeys.count == 1)
            #expect(account.identities.count == 1 && account.keys.isEmpty && account.settings.isEmpty)
            let second = try await two.account(other)
            #expect(second.accounts.count == 1 && second.accessKeys.isEmpty && second.identities.isEmpty)
            #expect(try await two.account(try #require(AccountID("000000000000"))).accounts.isEmpty)
            #expect(try await two.settings() == ["a": [1]])
        }
    }

    @Test func `lists are in order and go on where they ended`() async throws {
        let elsewhere = try Samples(region: "us-east-1")
        // Languages would put these in another order than their bytes.
        let names = ["B", "a", "a-b", "a/b", "aB", "a_b", "ab", "b"]
        try await SharedStores.withTwo { one, two in
            try await one.commit(
                Change(
                    try (0..<9).map { .insertKey(try samples.key(8 - $0)) }
                        + names.map { .insertAlias(try samples.alias($0, to: 3)) }
                        + [.insertKey(try elsewhere.key(1)), .insertAlias(try elsewhere.alias("x", to: 1))]))
            var ids: [KeyID] = []
            var aliases: [AliasRecord] = []
            repeat {
                ids += try await two.keyIDs(in: samples.realm, after: ids.last, limit: 2)
                aliases += try await two.aliases(in: samples.realm, after: aliases.last?.arn.name, limit: 3)
            } while ids.count < 9 || aliases.count < names.count
            #expect(try ids == (0..<9).map { try samples.arn($0).keyID })
            #expect(aliases.map(\.arn.name) == aliases.map(\.arn.name).sorted() && aliases.count == names.count)
            #expect(try await two.keyIDs(in: samples.realm, after: ids.last, limit: 2).isEmpty)
            #expect(try await two.aliases(in: samples.realm, after: aliases.last?.arn.name, limit: 3).isEmpty)
        }
    }

    @Test func `grants are found by who may retire them`() async throws {
        let (one, two) = ("arn:aws:iam::\(samples.account):root", "arn:aws:iam::\(samples.account):user/a")
        let elsewhere = try Samples(account: "999988887777")
        func grant(_ number: Int, on key: Int, by retiring: String?, _ samples: Samples) throws -> GrantRecord {
            GrantRecord(
                key: try samples.arn(key), id: try samples.grantID(number), name: nil, creationDate: samples.date(1),
                grantee: one, retiring: retiring, issuer: samples.account, operations: [.encrypt], constraints: .none)
        }
        let grants = [
            try grant(1, on: 2, by: one, samples), try grant(2, on: 1, by: one, elsewhere),
            try grant(2, on: 2, by: one, samples), try grant(200, on: 1, by: one, samples),
        ]
        let others = [try grant(3, on: 1, by: two, samples), try grant(4, on: 1, by: nil, samples)]
        let abroad = try Samples(region: "us-east-1")
        try await SharedStores.withTwo { first, second in
            try await first.commit(
                Change(
                    [
                        .insertKey(try samples.key(1)), .insertKey(try samples.key(2)),
                        .insertKey(try elsewhere.key(1)),
                        .insertKey(try abroad.key(1)), .insertGrant(try grant(1, on: 1, by: one, abroad)),
                    ] + (grants.reversed() + others).map(Mutation.insertGrant)))
            var found: [GrantRecord] = []
            while true {
                let last = found.last.map { GrantPlace(id: $0.id, key: $0.key) }
                let page = try await second.grants(
                    retirableBy: one, in: samples.realm.region, after: last, limit: 1)
                if page.isEmpty { break }
                found += page
            }
            #expect(found == grants)
        }
    }

    @Test func `keys of a custom key store are counted and found by what is behind them`() async throws {
        try await SharedStores.withTwo { one, two in
            try await one.commit(
                Change([
                    .insertKey(try samples.key(1)), .insertKey(try samples.externalKey(2)),
                    .insertKey(try samples.externalKey(3, store: 2)),
                ]))
            let (realm, id) = (samples.realm, try #require(ExternalKeyID("orders")))
            for store in [1, 2] {
                #expect(try await two.keyCount(in: realm, keptIn: samples.keyStoreID(store)) == 1)
                #expect(try await two.hasKey(in: realm, keptIn: samples.keyStoreID(store), behind: id))
            }
            #expect(try await two.keyCount(in: realm, keptIn: samples.keyStoreID(3)) == 0)
            #expect(try await !two.hasKey(in: realm, keptIn: samples.keyStoreID(3), behind: id))
            let other = try #require(ExternalKeyID("other"))
            #expect(try await !two.hasKey(in: realm, keptIn: samples.keyStoreID(1), behind: other))
            let elsewhere = try Samples(region: "us-east-1").realm
            #expect(try await !two.hasKey(in: elsewhere, keptIn: samples.keyStoreID(1), behind: id))
        }
    }

    @Test func `keys are counted by kind and by realm, and realms are listed`() async throws {
        let realms = [
            try Samples(account: "111122223333", region: "us-east-1"), try Samples(account: "999988887777"), samples,
        ]
        try await SharedStores.withTwo { one, two in
            #expect(try await two.realms(of: nil).isEmpty)
            for samples in realms {
                try await one.commit(Change([.insertKey(try samples.key(1)), .insertKey(try samples.fullKey(2))]))
            }
            #expect(
                try await two.realms(of: samples.account).map(\.region.description) == ["eu-central-1", "us-east-1"])
            #expect(try await two.realms(of: nil) == [samples.realm, realms[0].realm, realms[1].realm])
            #expect(try await two.customerKeyCount(in: samples.realm) == 1)
            #expect(try await two.customerKeyCount(in: try Samples(region: "eu-west-3").realm) == 0)
            try await two.commit(
                Change([.insertKey(try samples.key(3)), .insertKey(try samples.key(4)), .insertKey(try samples.key(5))])
            )
            #expect(try await one.customerKeyCount(in: samples.realm) == 4)
            try await one.commit(
                Change((3...5).map { .deleteKey(try samples.arn($0), expecting: try samples.key($0).version) }))
            #expect(try await two.customerKeyCount(in: samples.realm) == 1)
            let counts = try await two.keyCounts()
            #expect(counts.values.sorted() == [3, 3])
            #expect(
                counts[
                    KeyKind(state: .pendingDeletion, spec: .eccNISTP384, origin: .external, manager: .aws)] == 3)
        }
    }

    @Test func `what is due comes in its order`() async throws {
        func key(_ number: Int, _ state: KeyState, rotation: Int64? = nil, deletion: Int64? = nil) throws -> KeyRecord {
            var key = try samples.key(number)
            key.state = state
            key.rotation = rotation.map { RotationSchedule(periodInDays: 90, nextRotation: samples.date($0)) }
            key.deletionDate = deletion.map(samples.date)
            return key
        }
        func material(_ number: Int, of key: Int, until end: Int64?, isThere: Bool = true) throws -> MaterialRecord {
            try samples.material(number, of: key).with {
                $0.validTo = end.map(samples.date)
                if !isThere { $0.wrapped = nil }
            }
        }
        func due(_ number: Int, _ date: Int64) throws -> KeyDue {
            KeyDue(date: samples.date(date), key: try samples.arn(number))
        }
        let keys = [
            try key(1, .enabled, rotation: 300), try key(2, .enabled, rotation: 100),
            try key(3, .disabled, rotation: 50), try key(4, .pendingDeletion, rotation: 60, deletion: 500),
            try key(5, .pendingDeletion, deletion: 400), try key(6, .creating), try key(7, .updating),
            try key(8, .enabled, rotation: 100), try key(9, .enabled),
        ]
        let materials = [
            try material(1, of: 9, until: 900), try material(2, of: 9, until: 700), try material(3, of: 9, until: 800),
            try material(4, of: 8, until: 1, isThere: false), try material(5, of: 3, until: 750),
            try material(6, of: 2, until: nil), try material(7, of: 1, until: 750),
        ]
        try await SharedStores.withTwo { one, two in
            for event in KeyEvent.allCases { #expect(try await two.next(event, limit: 5).isEmpty) }
            try await one.commit(Change(keys.map(Mutation.insertKey) + materials.map(Mutation.insertMaterial)))
            let expected: [(KeyEvent, [KeyDue])] = [
                (.rotation, [try due(2, 100), try due(8, 100), try due(1, 300)]),
                (.deletion, [try due(5, 400), try due(4, 500)]),
                (.expiry, [try due(9, 700), try due(1, 750), try due(3, 750)]),
                (.completion, try [6, 7].map { KeyDue(date: .distantPast, key: try samples.arn($0)) }),
            ]
            for (event, due) in expected {
                for limit in 0...4 {
                    #expect(try await two.next(event, limit: limit) == Array(due.prefix(limit)), "\(event) \(limit)")
                }
            }
        }
    }
}
