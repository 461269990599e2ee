import KMSEngine
import KMSModel
import Synchronization
import Testing

struct ThrottleTests {
    private let time = TestTime()

    /// A throttle with one quota changed for everybody.
    private func throttle(_ quota: String, _ perSecond: Double) throws -> Throttle {
        let overrides = try QuotaOverrides(json: #"{"*":{"requests":{"\#(quota)":\#(perSecond)}}}"#.utf8)
        return Throttle(QuotaSettings(profile: .aws, overrides: overrides), now: time.read)
    }

    @Test(arguments: [
        (0.001, 3600.0, 4), (0.1, 60.0, 7), (0.5, 60, 31), (1, 60, 61), (2.5, 60, 152), (3, 60, 183), (4, 60, 244),
        (5, 60, 305), (7, 60, 427), (100, 10, 1100), (1000, 5, 6000), (20_000, 0.5, 30_000),
        (100_000, 0.1, 110_000),
    ])
    func `as many are admitted as a full bucket holds and time earns`(
        perSecond: Double, seconds: Double, expected: Int
    ) throws {
        let throttle = try throttle("CreateKey", perSecond)
        let (quota, account, region) = (try RequestQuota.named("CreateKey"), try Sample.account(), try Sample.region())
        let step = Duration.nanoseconds(Int64(max(500, 0.2e9 / perSecond)))
        let start = time.read()
        var admitted = 0
        while throttle.admits(quota, of: account, in: region) { admitted += 1 }
        #expect(admitted == max(1, Int(perSecond)), "a full bucket")
        while Double(time.read() - start) < seconds * 1e9 {
            time.pass(step)
            while throttle.admits(quota, of: account, in: region) { admitted += 1 }
        }
        #expect(abs(admitted - expected) <= max(1, expected / 1000))
    }

    @Test func `a bucket holds no more than a second's requests, however long nobody asks`() throws {
        let throttle = try throttle("CreateKey", 5)
        let (quota, account, region) = (try RequestQuota.named("CreateKey"), try Sample.account(), try Sample.region())
        for _ in 0..<3 {
            time.pass(.seconds(86_400 * 365))
            #expect((0..<20).count { _ in throttle.admits(quota, of: account, in: region) } == 5)
        }
    }

    @Test func `nodes admit a part each, and more or less as others go and come`() throws {
        let throttle = try throttle("CreateKey", 12)
        let (quota, account, region) = (try RequestQuota.named("CreateKey"), try Sample.account(), try Sample.region())
        let realm = Realm(account: account, region: region)
        for (nodeCount, expected) in [(1, 12), (3, 4), (2, 6), (12, 1), (100, 1), (0, 12)] {
            throttle.share(among: nodeCount)
            time.pass(.seconds(60))
            #expect((0..<50).count { _ in throttle.admits(quota, of: account, in: region) } == expected)
            let use = try #require(throttle.use(of: realm).first { $0.quota == quota })
            #expect(abs(use.perSecond - 12 / Double(max(1, nodeCount))) < 1e-9)
        }
    }

    @Test(arguments: [(1, 0.1), (0.2, 0.1), (0.1, 0.1), (0.05, 0.05), (0.001, 0.001)])
    func `a node's part is a request in ten seconds at the least, or all that there is`(
        perSecond: Double, expected: Double
    ) throws {
        let throttle = try throttle("CreateKey", perSecond)
        throttle.share(among: 1000)
        let quota = try RequestQuota.named("CreateKey")
        let uses = throttle.use(of: Realm(account: try Sample.account(), region: try Sample.region()))
        #expect(uses.first { $0.quota == quota }?.perSecond == expected)
    }

    @Test func `accounts, regions and quotas do not share`() throws {
        let throttle = Throttle(QuotaSettings(profile: .aws), now: time.read)
        let quotas = [try RequestQuota.named("CreateKey"), try RequestQuota.named("CreateAlias")]
        for account in 1...3 {
            for region in ["eu-central-1", "eu-west-1", "own-site-1"] {
                for quota in quotas {
                    let admitted = try (0..<9).count { _ in
                        throttle.admits(quota, of: try Sample.account(account), in: try Sample.region(region))
                    }
                    #expect(admitted == 5)
                }
            }
        }
    }

    @Test func `what counts in two regions is admitted in both or in none`() throws {
        let throttle = Throttle(QuotaSettings(profile: .aws), now: time.read)
        let (here, there, account) = (try Sample.region(), try Sample.region("eu-west-1"), try Sample.account())
        let (replicate, create) = (try RequestQuota.named("ReplicateKey"), try RequestQuota.named("CreateKey"))
        let charges = [QuotaCharge(replicate, in: here), QuotaCharge(create, in: there, count: 2)]
        let refusals = (0..<3).map { _ in throttle.refusal(of: charges, to: account) }
        #expect(refusals == [nil, nil, create])
        // The refused one took nothing: three of ReplicateKey's five and one of CreateKey's five are left.
        #expect((0..<9).count { _ in throttle.admits(replicate, of: account, in: here) } == 3)
        #expect((0..<9).count { _ in throttle.admits(create, of: account, in: there) } == 1)
    }

    @Test func `what counts as more than a bucket holds is admitted by a full one, and owed`() throws {
        let throttle = try throttle("CreateKey", 0.5)
        let (quota, account, region) = (try RequestQuota.named("CreateKey"), try Sample.account(), try Sample.region())
        #expect(throttle.admits(quota, count: 2, of: account, in: region))
        time.pass(.milliseconds(3999))
        #expect(!throttle.admits(quota, count: 2, of: account, in: region))
        time.pass(.milliseconds(1))
        #expect(throttle.admits(quota, count: 2, of: account, in: region))
    }

    @Test func `nothing is limited, counted or remembered without quotas`() throws {
        let throttle = Throttle(QuotaSettings(profile: .unlimited), now: time.read)
        let (quota, account, region) = (try RequestQuota.named("CreateKey"), try Sample.account(), try Sample.region())
        for _ in 0..<10_000 { #expect(throttle.admits(quota, of: account, in: region)) }
        #expect(throttle.bucketCount == 0)
        #expect(throttle.use(of: Realm(account: account, region: region)).isEmpty)
    }

    @Test func `threads together get no more than one alone`() async throws {
        let throttle = Throttle(QuotaSettings(profile: .aws), now: time.read)
        let (quota, region) = (try RequestQuota.named("ListKeys"), try Sample.region())
        let accounts = try (1...4).map { try Sample.account($0) }
        let admitted = await withTaskGroup(of: Int.self) { group in
            for number in 0..<16 {
                group.addTask {
                    (0..<1000).count { _ in throttle.admits(quota, of: accounts[number % 4], in: region) }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 4 * 500)
        #expect(throttle.refusals.first { $0.quota == quota }?.count == 16_000 - 2000)
        #expect(throttle.refusals.reduce(0) { $0 + $1.count } == 14_000)
    }

    @Test func `what an account uses is told for its region`() throws {
        let throttle = Throttle(QuotaSettings(profile: .aws), now: time.read)
        let (quota, account, region) = (try RequestQuota.named("CreateKey"), try Sample.account(), try Sample.region())
        let realm = Realm(account: account, region: region)
        func use() throws -> QuotaUse { try #require(throttle.use(of: realm).first { $0.quota == quota }) }
        for _ in 0..<2 { #expect(throttle.admits(quota, of: account, in: region)) }
        #expect(try (use().admitted, use().refused, use().peak) == (2, 0, 0.4))
        for _ in 0..<6 { _ = throttle.admits(quota, of: account, in: region) }
        #expect(try (use().admitted, use().refused, use().peak) == (5, 3, 1))
        #expect(throttle.use(of: Realm(account: try Sample.account(2), region: region)).allSatisfy { $0.admitted == 0 })
        time.pass(.seconds(60))
        #expect(throttle.admits(quota, of: account, in: region))
        #expect(try (use().admitted, use().refused) == (6, 3))
        time.pass(.seconds(60))
        #expect(try (use().admitted, use().refused) == (1, 0))
        time.pass(.seconds(120))
        #expect(try (use().admitted, use().refused, use().peak) == (0, 0, 0))
    }
}

struct ThrottleMemoryTests {
    private let time = TestTime()

    @Test func `an account that calls from ever new regions is held up, and nobody else is`() throws {
        let throttle = Throttle(QuotaSettings(profile: .aws), now: time.read)
        let (quota, attacker) = (try RequestQuota.named("GetParametersForImport"), try Sample.account(1))
        let admitted = try (0..<10_000).count { number in
            throttle.admits(quota, of: attacker, in: try Sample.region("site-x-\(number)"))
        }
        #expect(admitted == Throttle.mostMadeUpRegions)
        #expect(throttle.bucketCount == Throttle.mostMadeUpRegions)
        for account in 2...100 {
            #expect(throttle.admits(quota, of: try Sample.account(account), in: try Sample.region()))
        }
        // Once its buckets are full again, they make room.
        time.pass(.seconds(1))
        #expect(throttle.admits(quota, of: attacker, in: try Sample.region("site-y-1")))
        #expect(throttle.bucketCount == 99 + 1)
    }

    @Test func `regions that are made up close none that is established`() throws {
        let throttle = Throttle(QuotaSettings(profile: .aws), now: time.read) { _, region in
            region.description.hasPrefix("eu-")
        }
        let (quota, attacker) = (try RequestQuota.named("GetParametersForImport"), try Sample.account(1))
        for number in 0..<1000 { _ = throttle.admits(quota, of: attacker, in: try Sample.region("site-x-\(number)")) }
        for number in 0..<300 { #expect(throttle.admits(quota, of: attacker, in: try Sample.region("eu-x-\(number)"))) }
        #expect(!throttle.admits(quota, of: attacker, in: try Sample.region("site-y-1")))
        #expect(throttle.bucketCount == Throttle.mostMadeUpRegions + 300)
        time.pass(.seconds(1))
        #expect(throttle.admits(quota, of: attacker, in: try Sample.region("site-y-1")))
    }

    @Test func `what is not used for minutes is forgotten`() throws {
        let throttle = Throttle(QuotaSettings(profile: .aws), now: time.read)
        let quota = try RequestQuota.named("symmetric")
        for number in 1...1000 {
            #expect(throttle.admits(quota, of: try Sample.account(number), in: try Sample.region()))
        }
        #expect(throttle.bucketCount == 1000)
        time.pass(.seconds(180))
        for number in 2001...2500 {
            #expect(throttle.admits(quota, of: try Sample.account(number), in: try Sample.region()))
        }
        #expect(throttle.bucketCount == 500)
    }

    /// A bucket that takes minutes to fill must not become full by being forgotten.
    @Test func `what is not full is remembered`() throws {
        let overrides = try QuotaOverrides(json: #"{"*":{"requests":{"CreateKey":0.001}}}"#.utf8)
        let throttle = Throttle(QuotaSettings(profile: .unlimited, overrides: overrides), now: time.read)
        let (quota, region) = (try RequestQuota.named("CreateKey"), try Sample.region())
        for number in 1...100 { #expect(throttle.admits(quota, of: try Sample.account(number), in: region)) }
        for _ in 0..<9 {
            time.pass(.seconds(110))
            for number in 1...100 { #expect(!throttle.admits(quota, of: try Sample.account(number), in: region)) }
        }
        time.pass(.seconds(10))
        for number in 1...100 { #expect(throttle.admits(quota, of: try Sample.account(number), in: region)) }
    }
}
