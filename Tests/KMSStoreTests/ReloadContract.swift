import Foundation
import KMSModel
import KMSStore
import Testing

/// What every engine promises of what it gives back after a restart: every field, byte for byte.
@Suite struct ReloadContract {
    private let samples: Samples

    init() throws { samples = try Samples() }

    @Test(arguments: StoreEngine.available)
    func `everything comes back as it was`(engine: StoreEngine) async throws {
        let contents = try await reloaded(
            engine,
            [
                .insertAccount(AccountRecord(id: samples.account, creationDate: samples.date(1_700_000_000_999))),
                .insertKey(try samples.key(1)), .insertKey(try samples.fullKey(2)),
                .insertMaterial(try samples.material(1, wrapped: Array(0...255))),
                .insertMaterial(try samples.material(7, of: 2, wrapped: [])),
                .insertMaterial(try samples.fullMaterial(8, of: 2)),
                .insertMaterial(try samples.material(9, of: 2, wrapped: nil)),
                .setUsage(try samples.usage(of: 2)),
                .insertAlias(try samples.alias("a/b_c-D9", to: 2, version: 4)),
                .insertGrant(try samples.grant(1)), .insertGrant(try samples.fullGrant(2)),
                .insertGrant(try samples.grant(3)), .deleteGrant(try samples.arn(1), try samples.grantID(3)),
                .setSetting("lead", Array("12".utf8)), .setSetting("empty", []), .setSetting("lead", [0, 255]),
            ]
        )
        #expect(
            contents.accounts == [AccountRecord(id: samples.account, creationDate: samples.date(1_700_000_000_999))])
        let keys = contents.keys.sorted { $0.arn.keyID < $1.arn.keyID }
        #expect(keys.map(Fields.init) == [Fields(try samples.key(1)), Fields(try samples.fullKey(2))])
        #expect(
            contents.materials == [
                try samples.material(1, wrapped: Array(0...255)), try samples.material(7, of: 2, wrapped: []),
                try samples.fullMaterial(8, of: 2), try samples.material(9, of: 2, wrapped: nil),
            ]
        )
        #expect(contents.usages == [try samples.usage(of: 2)])
        #expect(contents.aliases == [try samples.alias("a/b_c-D9", to: 2, version: 4)])
        #expect(
            contents.grants.sorted { $0.id < $1.id } == [try samples.grant(1), try samples.fullGrant(2)])
        #expect(contents.settings == ["lead": [0, 255], "empty": []])
    }

    @Test(arguments: StoreEngine.available)
    func `what changed in material comes back changed, where it stood`(engine: StoreEngine) async throws {
        let pending = try samples.material(2).with { $0.stage = .pending }
        let expired = try samples.fullMaterial(2).with { $0.wrapped = nil }
        let again = try samples.fullMaterial(2).with { $0.wrapped = [4, 5, 6, 7] }
        let rest = [try samples.material(1), try samples.material(3)]
        for states in [[pending, expired], [pending, expired, again], [expired, pending, pending]] {
            let contents = try await reloaded(
                engine,
                [
                    .insertKey(try samples.key(1)), .insertMaterial(rest[0]), .insertMaterial(states[0]),
                    .insertMaterial(rest[1]),
                ] + states.dropFirst().map(Mutation.updateMaterial)
            )
            #expect(contents.materials == [rest[0], states[states.count - 1], rest[1]])
        }
    }

    @Test(arguments: StoreEngine.available)
    func `the last use of a key is the one that was written last`(engine: StoreEngine) async throws {
        let contents = try await reloaded(
            engine,
            [
                .insertKey(try samples.key(1)), .insertKey(try samples.key(2)), .insertKey(try samples.key(3)),
                .setUsage(try samples.usage(of: 1, by: .encrypt)), .setUsage(try samples.usage(of: 3)),
                .setUsage(try samples.usage(of: 1, by: .sign)), .setUsage(try samples.usage(of: 9)),
                .deleteKey(try samples.arn(3), expecting: 1),
            ]
        )
        #expect(contents.usages == [try samples.usage(of: 1, by: .sign)])
    }

    @Test(arguments: StoreEngine.available)
    func `a use from before a key was made is of another key`(engine: StoreEngine) async throws {
        let key = try samples.key(1)
        func usage(_ interval: Double) -> KeyUsageRecord {
            KeyUsageRecord(
                key: key.arn, operation: .sign, date: key.creationDate.addingTimeInterval(interval), eventID: "event",
                requestID: "request"
            )
        }
        #expect(try await reloaded(engine, [.insertKey(key), .setUsage(usage(-0.001))]).usages.isEmpty)
        #expect(try await reloaded(engine, [.insertKey(key), .setUsage(usage(0))]).usages == [usage(0)])
    }

    @Test(arguments: StoreEngine.available)
    func `audit lines are kept in their order until they are forgotten`(engine: StoreEngine) async throws {
        let kept = (0..<5).map { KeptAuditLines(eventID: "event \(9 - $0)", lines: [0x7B, UInt8($0), 0, 0x0A]) }
        let contents = try await reloaded(
            engine,
            kept.map(Mutation.keepAuditLines)
                + [.forgetAuditLines(kept[1].eventID), .forgetAuditLines(kept[4].eventID), .forgetAuditLines("none")]
        )
        #expect(contents.auditLines == [kept[0], kept[2], kept[3]])
    }

    @Test(arguments: StoreEngine.available)
    func `what changed in a key comes back changed`(engine: StoreEngine) async throws {
        var key = try samples.fullKey(2)
        key.primaryRegion = Region("eu-west-3")
        key.state = .disabled
        key.description = ""
        key.deletionDate = nil
        key.pendingWindowInDays = nil
        key.policy = "{}"
        key.tags = [KMSModel.Tag(key: "only", value: "\u{10ffff}")]
        key.rotation = nil
        key.currentMaterial = nil
        key.version = 9
        let contents = try await reloaded(
            engine, [.insertKey(try samples.fullKey(2)), .updateKey(key, expecting: 5)]
        )
        #expect(contents.keys.map(Fields.init) == [Fields(key)])
        var full = try samples.fullKey(2)
        full.version = 10
        let back = try await reloaded(
            engine, [.insertKey(key), .updateKey(full, expecting: 9)]
        )
        #expect(back.keys.map(Fields.init) == [Fields(full)])
    }

    @Test(arguments: StoreEngine.available)
    func `what changed in an alias comes back changed`(engine: StoreEngine) async throws {
        var alias = try samples.alias(to: 2, version: 2)
        alias.lastUpdatedDate = samples.date(1_800_000_000_000)
        let contents = try await reloaded(
            engine,
            [
                .insertKey(try samples.key(1)), .insertKey(try samples.key(2)), .insertAlias(try samples.alias()),
                .updateAlias(alias, expecting: 1),
            ]
        )
        #expect(contents.aliases == [alias])
    }

    @Test(arguments: StoreEngine.available)
    func `accounts and access keys come back as they were last`(engine: StoreEngine) async throws {
        let account = samples.account
        let users = [nil, samples.uniqueID(.user, 1), samples.uniqueID(.user, 2), nil]
        let accessKeys = users.enumerated().map { samples.accessKey("AKIA\($0.offset)", user: $0.element) }
        let replaced = AccessKeyRecord(
            id: "AKIA0", account: account, user: samples.uniqueID(.user, 3), creationDate: samples.date(77),
            isActive: false, wrappedSecret: []
        )
        let first = AccountRecord(id: account, partition: .china, creationDate: samples.date(1))
        let later = AccountRecord(id: account, partition: .china, creationDate: samples.date(1), version: 7)
        var mutations: [Mutation] = [.insertAccount(first)]
        mutations += accessKeys.map(Mutation.insertAccessKey)
        mutations += [
            .updateAccessKey(replaced), .updateAccount(later, expecting: 1), .deleteAccessKey(account, "AKIA3"),
        ]
        let contents = try await reloaded(engine, mutations)
        #expect(contents.accessKeys.sorted { $0.id < $1.id } == [replaced] + accessKeys[1...2])
        #expect(contents.accounts == [later])
    }

    @Test(arguments: StoreEngine.available)
    func `users, groups, roles and policies come back as they were last`(engine: StoreEngine) async throws {
        var user = IdentityRecord(
            id: samples.uniqueID(.user, 1), path: "/a/", name: "Ann", creationDate: samples.date(1_700_000_000_000))
        user.tags = [IdentityTag(key: "é", value: "")]
        let firstUser = user
        user.name = "Bea"
        user.inlinePolicies = [InlinePolicy(name: "p", document: "{ \"a\" : \"é\" }")]
        user.groups = [samples.uniqueID(.group, 2)]
        let policy = ManagedPolicyRecord(
            id: samples.uniqueID(.policy, 3), path: "/", name: "Ann", description: nil, document: "{}", tags: [],
            creationDate: samples.date(1_700_000_000_000))
        let account = samples.account
        let gone = try StoredIdentity(
            IdentityRecord(
                id: samples.uniqueID(.role, 4), path: "/", name: "gone", creationDate: samples.date(1_000)),
            of: account)
        let kept = [try StoredIdentity(user, of: account), try StoredIdentity(policy, of: account)]
        let contents = try await reloaded(
            engine,
            [
                .insertAccount(AccountRecord(id: account, creationDate: samples.date(1))),
                .putIdentity(try StoredIdentity(firstUser, of: account)), .putIdentity(gone), .putIdentity(kept[1]),
                .putIdentity(kept[0]), .deleteIdentity(account, gone.id),
            ])
        #expect(contents.identities.sorted { $0.id < $1.id } == kept.sorted { $0.id < $1.id })
        #expect(try contents.identities.first { $0.id == user.id }?.identity() == user)
        #expect(try contents.identities.first { $0.id == policy.id }?.policy() == policy)
    }

    @Test(arguments: StoreEngine.available)
    func `custom key stores, and the keys in them, come back as they were last`(engine: StoreEngine) async throws {
        let account = samples.account
        var changed = try samples.keyStore(1, version: 5)
        changed.name = "anew"
        changed.connection = .connected
        changed.backing = .proxy(
            XksProxyRecord(
                connectivity: "PUBLIC_ENDPOINT", uriEndpoint: "https://a.example", uriPath: "/kms/xks/v1",
                accessKeyID: "ABCDEFGHIJKLMNOPQRST", vpcEndpointServiceOwner: account))
        changed.wrappedSecret = [7]
        let keys = [
            try samples.externalKey(1), try samples.externalKey(2, id: "other"), try samples.externalKey(3, store: 2),
        ]
        let contents = try await reloaded(
            engine,
            [
                .insertAccount(AccountRecord(id: account, creationDate: samples.date(1))),
                .insertKeyStore(try samples.keyStore(1)), .insertKeyStore(try samples.keyStore(2)),
                .insertKeyStore(try samples.keyStore(3)), .updateKeyStore(changed, expecting: 1),
                .deleteKeyStore(samples.realm, try samples.keyStoreID(3), expecting: 1),
            ] + keys.map(Mutation.insertKey))
        #expect(contents.keyStores.sorted { $0.id < $1.id } == [changed, try samples.keyStore(2)])
        #expect(contents.keys.sorted { $0.arn.keyID < $1.arn.keyID } == keys)
    }

    @Test(arguments: StoreEngine.available)
    func `tags and material keep the order in which they came`(engine: StoreEngine) async throws {
        let tags = (0..<50).map { KMSModel.Tag(key: "tag\(($0 * 37) % 50)", value: "\($0)") }
        let materials = try [5, 3, 9, 1, 7].map { try samples.material($0) }
        let contents = try await reloaded(
            engine, [.insertKey(try samples.key(1, tags: tags))] + materials.map(Mutation.insertMaterial)
        )
        #expect(contents.keys.first?.tags == tags)
        #expect(contents.materials == materials)
    }

    @Test(arguments: StoreEngine.available)
    func `every spec, usage, origin, manager and state can be stored`(engine: StoreEngine) async throws {
        let count = 17
        let keys = try (0..<count).map { number in
            KeyRecord(
                arn: try samples.arn(number), spec: KeySpec.allCases[number % KeySpec.allCases.count],
                usage: KeyUsage.allCases[number % KeyUsage.allCases.count],
                origin: KeyOrigin.allCases[number % KeyOrigin.allCases.count],
                manager: KeyManager.allCases[number % KeyManager.allCases.count], creationDate: samples.date(1),
                state: KeyState.allCases[number % KeyState.allCases.count], description: "", policy: "{}",
                currentMaterial: nil
            )
        }
        #expect(KeySpec.allCases.count <= count)
        let contents = try await reloaded(engine, keys.map(Mutation.insertKey))
        #expect(contents.keys.sorted { $0.arn.keyID < $1.arn.keyID } == keys)
    }

    @Test(arguments: StoreEngine.available)
    func `the largest values that the API admits come back`(engine: StoreEngine) async throws {
        var key = try samples.key(1)
        key.policy = String(repeating: "p", count: 131_072)
        key.description = String(repeating: "\u{1f511}", count: 8192)
        key.tags = (0..<50).map {
            KMSModel.Tag(key: "\($0)" + String(repeating: "k", count: 126), value: String(repeating: "v", count: 256))
        }
        let material = try samples.material(1, wrapped: Samples.secret(1, count: 9000))
        let contents = try await reloaded(engine, [.insertKey(key), .insertMaterial(material)])
        #expect(contents.keys.map(Fields.init) == [Fields(key)])
        #expect(contents.materials == [material])
    }

    @Test(arguments: StoreEngine.available, [-1, .infinity, -.infinity, .nan, 1e15])
    func `a date that could not be read again is refused`(engine: StoreEngine, seconds: TimeInterval) async throws {
        try await engine.withStore { store in
            var key = try samples.key(1)
            key.deletionDate = Date(timeIntervalSince1970: seconds)
            let change = Change([.insertKey(key)])
            await expectRefusal(.corrupt) { () throws(StoreError) in try await store.commit(change) }
            #expect(try await store.contents().keys.isEmpty)
        }
    }

    /// Four times the keys may take four times as long, not sixteen times.
    @Test(arguments: StoreEngine.available)
    func `the time to read everything grows with the number of keys`(engine: StoreEngine) async throws {
        let directory = try ScratchDirectory()
        let store = try await engine.open(directory)
        var count = 0
        func grow(to target: Int) async throws -> Duration {
            while count < target {
                var mutations: [Mutation] = []
                for number in count..<min(count + 500, target) {
                    mutations.append(
                        .insertKey(try samples.key(number, tags: [KMSModel.Tag(key: "k", value: "\(number)")])))
                    mutations.append(
                        .insertMaterial(try samples.material(number, of: number, wrapped: Samples.secret(number))))
                    mutations.append(.insertAlias(try samples.alias("a\(number)", to: number)))
                }
                try await store.commit(Change(mutations))
                count = min(count + 500, target)
            }
            var best = Duration.seconds(3600)
            for _ in 0..<3 {
                best = min(
                    best,
                    try await ContinuousClock().measure {
                        let contents = try await store.contents()
                        #expect(contents.keys.count == target && contents.materials.count == target)
                        #expect(contents.aliases.count == target)
                    })
            }
            return best
        }
        let quarter = try await grow(to: 2500)
        let whole = try await grow(to: 10_000)
        #expect(whole < quarter * 10, "2,500 keys: \(quarter), 10,000 keys: \(whole)")
        try await store.close()
    }

    /// What a fresh store holds after `mutations` and a restart.
    private func reloaded(_ engine: StoreEngine, _ mutations: [Mutation]) async throws -> StoreContents {
        let directory = try ScratchDirectory()
        let first = try await engine.open(directory)
        try await first.commit(Change(mutations))
        let live = Snapshot(try await first.contents())
        try await first.close()
        let second = try await engine.open(directory)
        let contents = try await second.contents()
        #expect(Snapshot(contents) == live)
        try await second.check()
        try await second.close()
        return contents
    }
}
