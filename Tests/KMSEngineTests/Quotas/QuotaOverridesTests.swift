import KMSEngine
import KMSModel
import Testing

struct QuotaOverridesTests {
    private static let text = """
        {
            "100000000001": {
                "requests": {"symmetric": 500, "CreateKey": 10, "GenerateDataKeyPair.RSA_4096": 2.5},
                "resources": {"keys": 1000}
            },
            "*": {
                "requests": {"CreateKey": 7, "ListKeys": 0.25, "LookupEvents": 1000000},
                "resources": {"keys": 2000, "aliasesPerKey": 0, "policyBytes": 131072}
            }
        }
        """

    @Test func `what is said of an account goes before what is said of all, and that before the profile`() throws {
        let overrides = try QuotaOverrides(json: Self.text.utf8)
        let region = try Sample.region()
        let (named, other) = (try Sample.account(1), try Sample.account(2))
        let aws = Throttle(QuotaSettings(profile: .aws, overrides: overrides))
        var expected = Throttle(QuotaSettings(profile: .aws)).rates(of: other, in: region)
        expected.merge(["CreateKey": 7, "ListKeys": 0.25, "LookupEvents": 1_000_000]) { $1 }
        #expect(aws.rates(of: other, in: region) == expected)
        expected.merge(["symmetric": 500, "CreateKey": 10, "GenerateDataKeyPair.RSA_4096": 2.5]) { $1 }
        #expect(aws.rates(of: named, in: region) == expected)
        let unlimited = Throttle(QuotaSettings(profile: .unlimited, overrides: overrides))
        #expect(
            unlimited.rates(of: other, in: region) == ["CreateKey": 7, "ListKeys": 0.25, "LookupEvents": 1_000_000])
        #expect(unlimited.rates(of: named, in: region).count == 5)
    }

    @Test func `resources are overridden in every profile`() throws {
        let overrides = try QuotaOverrides(json: Self.text.utf8)
        for profile in QuotaSettings.Profile.allCases {
            let quotas = Quotas(QuotaSettings(profile: profile, overrides: overrides))
            var expected = ResourceQuotas()
            (expected.keysPerRealm, expected.aliasesPerKey, expected.policyByteCount) = (2000, 0, 131_072)
            #expect(quotas.resources(of: try Sample.account(2)) == expected)
            expected.keysPerRealm = 1000
            #expect(quotas.resources(of: try Sample.account(1)) == expected)
            let none = Quotas(QuotaSettings(profile: profile)).resources(of: try Sample.account(1))
            #expect(none == ResourceQuotas())
        }
        let aws = ResourceQuotas()
        #expect((aws.keysPerRealm, aws.aliasesPerKey, aws.grantsPerKey) == (100_000, 50, 50_000))
        #expect((aws.policyByteCount, aws.rotationsOnDemandPerKey, ResourceQuotas.tagsPerKey) == (32_768, 25, 50))
    }

    @Test func `every quota has a name that can be overridden`() throws {
        let requests = RequestQuota.all.map { #""\#($0.name)":3"# }.joined(separator: ",")
        let overrides = try QuotaOverrides(json: #"{"*":{"requests":{\#(requests)}}}"#.utf8)
        let throttle = Throttle(QuotaSettings(profile: .unlimited, overrides: overrides))
        let rates = throttle.rates(of: try Sample.account(), in: try Sample.region())
        // What a custom key store admits is no use of an account's.
        let names = RequestQuota.all.map(\.name).filter { $0 != "customKeyStore" }
        #expect(rates == Dictionary(uniqueKeysWithValues: names.map { ($0, 3) }))
        let resources = ["keys", "aliasesPerKey", "grantsPerKey", "policyBytes", "onDemandRotationsPerKey"]
            .enumerated().map { #""\#($1)":\#($0)"# }.joined(separator: ",")
        let quotas = Quotas(
            QuotaSettings(overrides: try QuotaOverrides(json: #"{"*":{"resources":{\#(resources)}}}"#.utf8))
        ).resources(of: try Sample.account())
        #expect((quotas.keysPerRealm, quotas.aliasesPerKey, quotas.grantsPerKey) == (0, 1, 2))
        #expect((quotas.policyByteCount, quotas.rotationsOnDemandPerKey) == (3, 4))
    }

    @Test(arguments: [
        ("", "is not a JSON object"), ("[]", "is not a JSON object"), ("{", "is not a JSON object"),
        (#"{"*":{},"*":{}}"#, "names something twice"), (#"{"*":1}"#, "says of \"*\""),
        (#"{"12":{}}"#, "\"12\", which is not an account"), (#"{"1000000000012":{}}"#, "not an account"),
        (#"{"*":{"rates":{}}}"#, "there are only: requests, resources"), (#"{"*":{"requests":[]}}"#, "\"requests\""),
        (#"{"*":{"requests":{"createKey":1}}}"#, "unknown quota \"createKey\""),
        (#"{"*":{"requests":{"CreateKey":1,"CreateKey":2}}}"#, "names something twice"),
        (
            #"{"*":{"requests":{"AssumeRole":1}}}"#,
            "there are: symmetric, RSA, ECC, ML_DSA, GenerateDataKeyPair.RSA_2048"
        ),
        (#"{"*":{"requests":{"CreateKey":"5"}}}"#, "a number of requests a second"),
        (#"{"*":{"requests":{"CreateKey":0}}}"#, "from 0.001 to 1000000"),
        (#"{"*":{"requests":{"CreateKey":-1}}}"#, "from 0.001"), (#"{"*":{"requests":{"CreateKey":1e400}}}"#, "from"),
        (#"{"*":{"requests":{"CreateKey":1000001}}}"#, "from"), (#"{"*":{"requests":{"CreateKey":null}}}"#, "from"),
        (#"{"*":{"resources":{"tags":60}}}"#, "there are: keys, aliasesPerKey, grantsPerKey, policyBytes"),
        (#"{"*":{"resources":{"keys":-1}}}"#, "a whole number from 0"),
        (#"{"*":{"resources":{"keys":1.5}}}"#, "a whole number"),
        (#"{"*":{"resources":{"policyBytes":131073}}}"#, "from 0 to 131072"),
    ])
    func `what means nothing is refused`(text: String, reason: String) {
        let failure = #expect(throws: QuotaOverrides.Failure.self) { try QuotaOverrides(json: text.utf8) }
        #expect(failure?.description.contains(reason) == true, "\(failure?.description ?? "")")
        #expect(failure?.description.contains("\n") == false)
    }
}
