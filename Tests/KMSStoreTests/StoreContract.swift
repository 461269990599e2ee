import Foundation
import KMSModel
import KMSStore
import Testing

/// What every engine promises.
@Suite struct StoreContract {
    private let samples: Samples

    init() throws { samples = try Samples() }

    // MARK: All or nothing

    @Test(arguments: StoreEngine.available)
    func `a change whose third mutation conflicts writes nothing`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            try await store.commit(Change([.insertKey(try samples.key(1))]))
            let change = Change([
                .insertKey(try samples.key(2)), .insertMaterial(try samples.material(1, of: 2)),
                .insertKey(try samples.key(1)), .insertAlias(try samples.alias(to: 2)),
            ])
            await expectRefusal(.conflict) { () throws(StoreError) in try await store.commit(change) }
            let contents = try await store.contents()
            #expect(contents.keys == [try samples.key(1)])
            #expect(contents.materials.isEmpty && contents.aliases.isEmpty)
        }
    }

    @Test(arguments: StoreEngine.available)
    func `a mutation sees what those before it wrote`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            var second = try samples.key(1)
            second.version = 2
            try await store.commit(
                Change([
                    .insertKey(try samples.key(1)), .insertMaterial(try samples.material(1)),
                    .updateKey(second, expecting: 1), .insertAlias(try samples.alias()),
                ])
            )
            #expect(try await store.contents().keys == [second])
        }
    }

    @Test(arguments: StoreEngine.available)
    func `a cancelled task does not cancel its commit`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            let change = Change([.insertKey(try samples.key(1))])
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                try await store.commit(change)
            }
            task.cancel()
            try await task.value
            #expect(try await store.contents().keys.count == 1)
        }
    }

    // MARK: Versions

    @Test(arguments: StoreEngine.available)
    func `a lost race changes nothing`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            try await store.commit(Change([.insertKey(try samples.key(1)), .insertAlias(try samples.alias())]))
            var winner = try samples.key(1)
            winner.description = "winner"
            winner.version = 2
            try await store.commit(Change([.updateKey(winner, expecting: 1)]))
            var loser = winner
            loser.description = "loser"
            await expectRefusal(.conflict) { () throws(StoreError) in
                try await store.commit(Change([.updateKey(loser, expecting: 1)]))
            }
            #expect(try await store.contents().keys == [winner])
        }
    }

    /// Changes that were made from something else than what is stored: one key and one alias, both of version 1.
    static let conflicts: [(name: String, change: @Sendable (Samples) throws -> Change)] = [
        ("a key that is there", { Change([.insertKey(try $0.key(1))]) }),
        ("a first value of a setting that has one", { _ in Change([.insertSetting("marked", [2])]) }),
        ("an alias that is there", { Change([.insertAlias(try $0.alias("app", to: 1))]) }),
        ("the change of material that is not there", { Change([.updateMaterial(try $0.material(7))]) }),
        (
            "the deletion of material that is not there",
            { Change([.deleteMaterial(try $0.arn(1), try $0.materialID(7))]) }
        ),
        ("material that is there", { Change([.insertMaterial(try $0.material(1))]) }),
        (
            "an account that is there",
            { Change([.insertAccount(AccountRecord(id: $0.account, creationDate: $0.date(1)))]) }
        ),
        ("audit lines that are there", { _ in Change([.keepAuditLines(KeptAuditLines(eventID: "1", lines: []))]) }),
        ("an access key that is there", { Change([.insertAccessKey($0.accessKey())]) }),
        ("an update of an older key", { Change([.updateKey(try $0.key(1, version: 1), expecting: 0)]) }),
        ("an update of a newer key", { Change([.updateKey(try $0.key(1, version: 3), expecting: 2)]) }),
        ("an update that keeps the version", { Change([.updateKey(try $0.key(1, version: 1), expecting: 1)]) }),
        ("an update of no key", { Change([.updateKey(try $0.key(9, version: 2), expecting: 1)]) }),
        ("the deletion of another version", { Change([.deleteKey(try $0.arn(1), expecting: 2)]) }),
        ("the deletion of no key", { Change([.deleteKey(try $0.arn(9), expecting: 1)]) }),
        ("an update of a newer alias", { Change([.updateAlias(try $0.alias(version: 3), expecting: 2)]) }),
        ("an update that keeps an alias's version", { Change([.updateAlias(try $0.alias(), expecting: 1)]) }),
        ("an update of no alias", { Change([.updateAlias(try $0.alias("none", version: 2), expecting: 1)]) }),
        ("the deletion of another alias version", { Change([.deleteAlias(try $0.alias().arn, expecting: 2)]) }),
        ("the deletion of no alias", { Change([.deleteAlias(try $0.alias("none").arn, expecting: 1)]) }),
        ("an alias to no key", { Change([.insertAlias(try $0.alias("new", to: 9))]) }),
        ("an alias moved to no key", { Change([.updateAlias(try $0.alias(to: 9, version: 2), expecting: 1)]) }),
        (
            "an alias to a key elsewhere",
            { _ in
                Change([.insertAlias(try Samples(region: "us-east-1").alias("new", to: 1))])
            }
        ),
        ("a grant that is there", { Change([.insertGrant(try $0.grant())]) }),
        ("a grant on no key", { Change([.insertGrant(try $0.grant(2, on: 9))]) }),
        ("the end of no grant", { Change([.deleteGrant(try $0.arn(1), try $0.grantID(9))]) }),
        ("the end of a grant on another key", { Change([.deleteGrant(try $0.arn(9), try $0.grantID(1))]) }),
        ("material of no key", { Change([.insertMaterial(try $0.material(2, of: 9))]) }),
        (
            "an update of no account",
            { samples in
                let account = try #require(AccountID("999999999999"))
                let record = AccountRecord(id: account, creationDate: samples.date(1), version: 2)
                return Change([.updateAccount(record, expecting: 1)])
            }
        ),
        (
            "an update of a newer account",
            { samples in
                let record = AccountRecord(id: samples.account, creationDate: samples.date(1), version: 3)
                return Change([.updateAccount(record, expecting: 2)])
            }
        ),
        (
            "an update that keeps an account's version",
            { samples in
                let record = AccountRecord(id: samples.account, creationDate: samples.date(1))
                return Change([.updateAccount(record, expecting: 1)])
            }
        ),
        ("the deletion of no access key", { Change([.deleteAccessKey($0.account, "AKIANONE")]) }),
        ("the deletion of no user", { Change([.deleteIdentity($0.account, $0.uniqueID(.user, 9))]) }),
        (
            "a user of no account",
            { samples in
                let account = try #require(AccountID("999999999999"))
                let user = IdentityRecord(
                    id: samples.uniqueID(.user, 1), path: "/", name: "a", creationDate: samples.date(1))
                return Change([.putIdentity(try StoredIdentity(user, of: account))])
            }
        ),
        (
            "a user whose name another has",
            { samples in
                let user = IdentityRecord(
                    id: samples.uniqueID(.user, 2), path: "/b/", name: "ANN", creationDate: samples.date(1))
                return Change([.putIdentity(try StoredIdentity(user, of: samples.account))])
            }
        ),
        ("a custom key store that is there", { Change([.insertKeyStore(try $0.keyStore())]) }),
        (
            "a custom key store of no account",
            { _ in Change([.insertKeyStore(try Samples(account: "999999999999").keyStore())]) }
        ),
        (
            "an update of no custom key store",
            { Change([.updateKeyStore(try $0.keyStore(2, version: 2), expecting: 1)]) }
        ),
        (
            "an update of a newer custom key store",
            { Change([.updateKeyStore(try $0.keyStore(version: 3), expecting: 2)]) }
        ),
        (
            "an update that keeps a custom key store's version",
            { Change([.updateKeyStore(try $0.keyStore(), expecting: 1)]) }
        ),
        (
            "the deletion of another version of a custom key store",
            { Change([.deleteKeyStore($0.realm, try $0.keyStoreID(), expecting: 2)]) }
        ),
        (
            "a key behind which is what is behind another of its custom key store",
            { Change([.insertKey(try $0.externalKey(3)), .insertKey(try $0.externalKey(4))]) }
        ),
        ("an update of no access key", { Change([.updateAccessKey($0.accessKey("AKIANONE"))]) }),
    ]

    @Test(arguments: StoreEngine.available, conflicts.indices)
    func `what does not fit is a conflict`(engine: StoreEngine, index: Int) async throws {
        try await engine.withStore { store in
            try await store.commit(
                Change([
                    .insertAccount(AccountRecord(id: samples.account, creationDate: samples.date(5))),
                    .insertAccessKey(samples.accessKey()), .insertKey(try samples.key(1)),
                    .insertMaterial(try samples.material(1)), .insertAlias(try samples.alias()),
                    .insertGrant(try samples.grant()),
                    .putIdentity(try StoredIdentity(samples.user, of: samples.account)),
                    .insertKeyStore(try samples.keyStore()),
                    .keepAuditLines(KeptAuditLines(eventID: "1", lines: [1])), .insertSetting("marked", [1]),
                ])
            )
            let before = Snapshot(try await store.contents())
            let (name, change) = Self.conflicts[index]
            // A witness in front shows that the refusal takes the whole change with it.
            let witness = Mutation.setSetting("witness", [1])
            let refused = Change([witness] + (try change(samples)).mutations)
            do throws(StoreError) {
                try await store.commit(refused)
                Issue.record("\(name) was accepted")
            } catch {
                #expect(error.isConflict, "\(name): \(error)")
            }
            #expect(Snapshot(try await store.contents()) == before, "\(name)")
        }
    }

    @Test(arguments: StoreEngine.available)
    func `the same names in another realm are other records`(engine: StoreEngine) async throws {
        let elsewhere = [try Samples(region: "us-east-1"), try Samples(account: "444455556666")]
        try await engine.withStore { store in
            for samples in [samples] + elsewhere {
                try await store.commit(
                    Change([
                        .insertKey(try samples.key(1)), .insertMaterial(try samples.material(1)),
                        .insertAlias(try samples.alias()),
                    ])
                )
            }
            try await store.commit(Change([.deleteKey(try samples.arn(1), expecting: 1)]))
            let contents = try await store.contents()
            #expect(Set(contents.keys.map(\.arn)) == Set(try elsewhere.map { try $0.arn(1) }))
            #expect(Set(contents.aliases.map(\.arn)) == Set(try elsewhere.map { try $0.alias().arn }))
            #expect(Set(contents.materials.map(\.key)) == Set(try elsewhere.map { try $0.arn(1) }))
        }
    }

    // MARK: Deletion

    @Test(arguments: StoreEngine.available)
    func `a key takes its material, tags, aliases and grants with it`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            let tags = [KMSModel.Tag(key: "k", value: "v")]
            try await store.commit(
                Change([
                    .insertKey(try samples.key(1, tags: tags)), .insertMaterial(try samples.material(1)),
                    .insertMaterial(try samples.material(2)), .insertAlias(try samples.alias("one")),
                    .insertAlias(try samples.alias("two")), .insertKey(try samples.key(3)),
                    .insertMaterial(try samples.material(3, of: 3)), .insertAlias(try samples.alias("three", to: 3)),
                    .insertGrant(try samples.grant(1)), .insertGrant(try samples.fullGrant(2)),
                    .insertGrant(try samples.grant(1, on: 3)),
                ])
            )
            try await store.commit(Change([.deleteKey(try samples.arn(1), expecting: 1)]))
            let contents = try await store.contents()
            #expect(contents.keys == [try samples.key(3)])
            #expect(contents.materials == [try samples.material(3, of: 3)])
            #expect(contents.aliases == [try samples.alias("three", to: 3)])
            #expect(contents.grants == [try samples.grant(1, on: 3)])
            // The identifier can be used again, and nothing of the old key comes back with it.
            try await store.commit(Change([.insertKey(try samples.key(1))]))
            #expect(try await store.contents().keys.first { $0.arn == (try samples.arn(1)) }?.tags == [])
        }
    }

    @Test(arguments: StoreEngine.available)
    func `deleting material leaves the key and other material`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            try await store.commit(
                Change([
                    .insertKey(try samples.key(1)), .insertMaterial(try samples.material(1)),
                    .insertMaterial(try samples.material(3)),
                    .insertKey(try samples.key(2)), .insertMaterial(try samples.material(2, of: 2)),
                ])
            )
            try await store.commit(Change([.deleteMaterial(try samples.arn(1), try samples.materialID(1))]))
            let contents = try await store.contents()
            #expect(contents.keys.count == 2)
            #expect(contents.materials == [try samples.material(3), try samples.material(2, of: 2)])
            try await store.check()
        }
    }

    // MARK: Concurrency

    @Test(arguments: StoreEngine.available)
    func `a change of nothing is accepted`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            try await store.commit(Change([.setSetting("a", [])]))
            try await store.commit(Change([]))
            #expect(try await store.contents().settings == ["a": []])
        }
    }

    @Test(arguments: StoreEngine.available)
    func `fifty commits at once all happen`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            let changes = try (0..<50).map { number in
                Change([
                    .insertKey(try samples.key(number)), .insertMaterial(try samples.material(number, of: number)),
                    .insertAlias(try samples.alias("a\(number)", to: number)),
                ])
            }
            try await withThrowingTaskGroup { group in
                for change in changes { group.addTask { try await store.commit(change) } }
                try await group.waitForAll()
            }
            let contents = try await store.contents()
            #expect(contents.keys.count == 50 && contents.materials.count == 50 && contents.aliases.count == 50)
        }
    }

    @Test(arguments: StoreEngine.available)
    func `of commits at once those that conflict fail alone`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            try await store.commit(Change([.insertKey(try samples.key(0))]))
            let changes = try (0..<50).map { number in
                // Every fifth one inserts a key, and then one that is there.
                let last: [Mutation] = number % 5 == 0 ? [.insertKey(try samples.key(0))] : []
                return Change([.insertKey(try samples.key(100 + number))] + last)
            }
            let failed = await withTaskGroup(of: Int?.self) { group in
                for (number, change) in changes.enumerated() {
                    group.addTask { (try? await store.commit(change)) == nil ? number : nil }
                }
                return await group.reduce(into: Set<Int>()) { if let number = $1 { $0.insert(number) } }
            }
            #expect(failed == Set(stride(from: 0, to: 50, by: 5)))
            #expect(try await store.contents().keys.count == 1 + 40)
        }
    }

    @Test(arguments: StoreEngine.available)
    func `of fifty changes made from one version one wins`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            try await store.commit(Change([.insertKey(try samples.key(1))]))
            let changes = try (0..<50).map { number in
                var key = try samples.key(1, version: 2)
                key.description = "winner \(number)"
                return (key, Change([.updateKey(key, expecting: 1)]))
            }
            let winners = await withTaskGroup(of: KeyRecord?.self) { group in
                for (key, change) in changes {
                    group.addTask { (try? await store.commit(change)) == nil ? nil : key }
                }
                return await group.reduce(into: [KeyRecord]()) { if let key = $1 { $0.append(key) } }
            }
            #expect(winners.count == 1)
            #expect(try await store.contents().keys == winners)
        }
    }

    // MARK: The end

    @Test(arguments: StoreEngine.available)
    func `a closed store refuses everything, and closing twice is no error`(engine: StoreEngine) async throws {
        let store = try await engine.open(try ScratchDirectory())
        try await store.close()
        try await store.close()
        let change = Change([.setSetting("a", [1])])
        // One of them knows that nothing was written.
        await expectRefusal(.unavailable, .undone) { () throws(StoreError) in try await store.commit(change) }
        await expectRefusal(.unavailable) { () throws(StoreError) in _ = try await store.contents() }
        await expectRefusal(.unavailable) { () throws(StoreError) in try await store.check() }
    }
}
