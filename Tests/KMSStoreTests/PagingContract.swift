import KMSModel
import KMSStore
import Testing

/// What every engine promises of reading a store in parts.
@Suite struct PagingContract {
    private let samples: Samples

    init() throws { samples = try Samples() }

    @Test(arguments: StoreEngine.available)
    func `the frame is everything but keys and what belongs to them`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            try await store.commit(
                Change([
                    .insertAccount(AccountRecord(id: samples.account, creationDate: samples.date(5))),
                    .insertAccessKey(samples.accessKey()),
                    .putIdentity(try StoredIdentity(samples.user, of: samples.account)),
                    .insertKeyStore(try samples.keyStore()),
                    .insertKey(try samples.fullKey(1)), .insertMaterial(try samples.fullMaterial(1)),
                    .insertAlias(try samples.alias()), .insertGrant(try samples.fullGrant()),
                    .setUsage(try samples.usage()), .keepAuditLines(KeptAuditLines(eventID: "b", lines: [1])),
                    .keepAuditLines(KeptAuditLines(eventID: "a", lines: [2])), .setSetting("s", [3]),
                ]))
            var expected = try await store.contents()
            expected.keys = []
            expected.materials = []
            expected.usages = []
            expected.aliases = []
            expected.grants = []
            let frame = try await store.frame()
            #expect(Snapshot(frame) == Snapshot(expected))
            #expect(frame.auditLines.map(\.eventID) == ["b", "a"])
        }
    }

    @Test(arguments: StoreEngine.available, [1, 2, 3, 7, 100])
    func `keys come in order, each once, with what belongs to them`(engine: StoreEngine, limit: Int) async throws {
        try await engine.withStore { store in
            // Upper and lower case, and hyphens, which languages order otherwise than bytes.
            let realms = [
                try Samples(account: "999988887777", region: "eu-west-1"), samples,
                try Samples(region: "us-east-1"), try Samples(region: "eu-west-1"),
            ]
            for samples in realms {
                try await store.commit(
                    Change([
                        .insertKey(try samples.fullKey(2)), .insertKey(try samples.key(1)),
                        .insertMaterial(try samples.material(4, of: 2)),
                        .insertMaterial(try samples.fullMaterial(3, of: 2)),
                        .insertMaterial(try samples.material(5, of: 1)), .setUsage(try samples.usage(of: 2)),
                        .insertAlias(try samples.alias("b", to: 2)), .insertAlias(try samples.alias("a", to: 2)),
                        .insertGrant(try samples.grant(1, on: 1)), .insertGrant(try samples.fullGrant(2, on: 2)),
                    ]))
            }
            var found: [StoredKey] = []
            while true {
                let page = try await store.keys(after: found.last?.record.arn, limit: limit)
                #expect(page.count <= limit)
                if page.isEmpty { break }
                found += page
            }
            let expected = realms.sorted {
                ($0.account.description, $0.realm.region.description) < (
                    $1.account.description, $1.realm.region.description
                )
            }
            #expect(try found.map(\.record.arn) == expected.flatMap { [try $0.arn(1), try $0.arn(2)] })
            let contents = try await store.contents()
            #expect(found.map(\.sorted) == contents.storedKeys.map(\.sorted).sorted { $0.place < $1.place })
            #expect(found.filter { $0.materials.count == 2 && $0.aliases.count == 2 && $0.usage != nil }.count == 4)
        }
    }

    @Test(arguments: StoreEngine.available)
    func `keys with very many grants come a few at a time`(engine: StoreEngine) async throws {
        let counts = [3000, 1, 6000, 2000, 2500, 1500, 0, 7]
        try await engine.withStore { store in
            for (key, count) in counts.enumerated() {
                try await store.commit(
                    Change(
                        [.insertKey(try samples.key(key))]
                            + (0..<count).map { .insertGrant(try samples.grant($0, on: key)) }))
            }
            var pages: [[StoredKey]] = []
            while true {
                let page = try await store.keys(after: pages.last?.last?.record.arn, limit: 100)
                if page.isEmpty { break }
                pages.append(page)
            }
            #expect(pages.joined().map(\.grants.count) == counts)
            #expect(pages.map { $0.dropFirst().reduce(0) { $0 + $1.grants.count } }.allSatisfy { $0 <= 5000 })
            #expect(pages.count < counts.count && pages.count > 1)
        }
    }

    @Test(arguments: StoreEngine.available)
    func `there are no keys behind the last`(engine: StoreEngine) async throws {
        try await engine.withStore { store in
            #expect(try await store.keys(after: nil, limit: 5).isEmpty)
            try await store.commit(Change([.insertKey(try samples.key(5))]))
            #expect(try await store.keys(after: try samples.arn(4), limit: 5).count == 1)
            #expect(try await store.keys(after: try samples.arn(5), limit: 5).isEmpty)
        }
    }
}

extension StoredKey {
    /// Nothing promises an order of aliases and grants.
    fileprivate var sorted: StoredKey {
        var copy = self
        copy.aliases.sort { $0.arn.name < $1.arn.name }
        copy.grants.sort { $0.id < $1.id }
        return copy
    }

    fileprivate var place: [String] {
        [record.arn.account.description, record.arn.region.description, record.arn.keyID.description]
    }
}

extension [String] {
    fileprivate static func < (left: Self, right: Self) -> Bool { left.lexicographicallyPrecedes(right) }
}
