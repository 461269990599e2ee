import Foundation
import KMSEngine
import KMSModel
import Testing

/// Quotas in the whole pipeline; buckets of a request in a quarter of an hour do not fill while a test runs.
struct AdmissionTests {
    private static func withHarness(
        _ overrides: String, _ body: (EngineHarness) async throws -> Void
    ) async throws {
        let settings = QuotaSettings(overrides: try QuotaOverrides(json: overrides.utf8))
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory, quotas: settings)
            try await body(harness)
            try await harness.close()
        }
    }

    @Test func `a throttled call changes nothing and is recorded`() async throws {
        try await Self.withHarness(#"{"*":{"requests":{"CreateKey":0.001}}}"#) { harness in
            #expect(await harness.call(.createKey, "{}").code == nil)
            let answer = await harness.call(.createKey, #"{"Description":"another"}"#)
            guard case .failure(let error) = answer.result else { throw KMSError(.kmsInternal) }
            #expect(error.code == .throttling)
            #expect(
                error.message
                    == "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
            let keys = try await harness.call(.listKeys, "{}").object().objects("Keys")
            #expect(keys.count == 1)
            let record = try #require(try harness.auditRecords().last { $0.text("eventName") == "CreateKey" })
            #expect(record.text("errorCode") == "ThrottlingException")
            #expect(record.text("errorMessage") == error.message)
            #expect(record["readOnly"] == .bool(false))
            #expect(record["responseElements"] == .null)
            #expect(harness.engine.pipeline.quotas.throttle.refusals.first { $0.count > 0 }?.quota.name == "CreateKey")
        }
    }

    @Test func `a throttled use is no use`() async throws {
        try await Self.withHarness(#"{"*":{"requests":{"symmetric":0.001}}}"#) { harness in
            let key = try await harness.makeKey()
            #expect(await harness.call(.generateRandom, #"{"NumberOfBytes":8}"#).code == nil)
            #expect(await harness.call(.encrypt, #"{"KeyId":"\#(key)","Plaintext":"YQ=="}"#).code == .throttling)
            #expect(await harness.call(.encrypt, #"{"KeyId":"alias/aws/s3","Plaintext":"YQ=="}"#).code == .throttling)
            let use = try await harness.call(.getKeyLastUsage, #"{"KeyId":"\#(key)"}"#).object()
            #expect(use["KeyLastUsage"] == nil)
            let aliases = try await harness.call(.listAliases, "{}").object().objects("Aliases")
            #expect(aliases.allSatisfy { $0["TargetKeyId"] == nil }, "no managed key was made")
        }
    }

    /// The answer must be the same for keys that are there and keys that are not, of whichever kind and account.
    @Test func `being throttled tells nothing of keys`() async throws {
        try await Self.withHarness(#"{"*":{"requests":{"symmetric":0.001,"DescribeKey":0.001}}}"#) { harness in
            let key = try await harness.makeKey()
            let signer = try await harness.makeKey(#"{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}"#)
            _ = await harness.call(.generateRandom, #"{"NumberOfBytes":8}"#)
            _ = await harness.call(.describeKey, #"{"KeyId":"\#(key)"}"#)
            let foreign = "arn:aws:kms:eu-central-1:444455556666:key/\(key)"
            for name in [key, signer, foreign, "alias/none", "12345678-1234-1234-1234-123456789012", "no key", "\"{"] {
                #expect(await harness.call(.describeKey, #"{"KeyId":"\#(name)"}"#).code == .throttling, "\(name)")
                let body = #"{"KeyId":"\#(name)","Plaintext":"YQ=="}"#
                #expect(await harness.call(.encrypt, body).code == .throttling, "\(name)")
            }
        }
    }

    @Test func `a request counts whatever its result`() async throws {
        for body in ["{", "[]", #"{"KeyId":1}"#, #"{"KeyId":"no key"}"#] {
            try await Self.withHarness(#"{"*":{"requests":{"DescribeKey":0.001}}}"#) { harness in
                let first = await harness.call(.describeKey, body).code
                #expect(first != nil && first != .throttling, "\(body)")
                #expect(await harness.call(.describeKey, body).code == .throttling, "\(body)")
            }
        }
    }

    @Test func `a replica counts as two new keys in its region`() async throws {
        for _ in 0..<20 {
            var (codes, time): ([KMSError.Code?], Duration) = ([], .zero)
            try await Self.withHarness(#"{"*":{"requests":{"CreateKey":2}}}"#) { harness in
                (codes, time) = try await Self.replicas(harness)
            }
            // In half a second a bucket earns a request; a machine that is busy with other tests takes longer.
            guard time < .milliseconds(500) else { continue }
            #expect(codes == [nil, .throttling, .throttling, nil])
            return
        }
        Issue.record("the machine is too busy to make two keys in half a second")
    }

    /// Two replicas and two keys, and how long that took.
    private static func replicas(_ harness: EngineHarness) async throws -> ([KMSError.Code?], Duration) {
        let keys = [
            try await harness.makeKey(#"{"MultiRegion":true}"#), try await harness.makeKey(#"{"MultiRegion":true}"#),
        ]
        let begin = ContinuousClock.now
        var codes: [KMSError.Code?] = []
        for key in keys {
            codes.append(
                await harness.call(.replicateKey, #"{"KeyId":"\#(key)","ReplicaRegion":"eu-west-1"}"#).code)
        }
        codes.append(await harness.call(.createKey, "{}", in: "eu-west-1").code)
        codes.append(await harness.call(.createKey, "{}", in: "eu-west-3").code)
        return (codes, ContinuousClock.now - begin)
    }

    @Test func `moving the clock fills no bucket and empties none`() async throws {
        try await Self.withHarness(#"{"*":{"requests":{"ListKeys":0.001,"ListAliases":1000}}}"#) { harness in
            #expect(await harness.call(.listKeys, "{}").code == nil)
            try await harness.advance(days: 3650)
            #expect(await harness.call(.listKeys, "{}").code == .throttling)
            for _ in 0..<100 { #expect(await harness.call(.listAliases, "{}").code == nil) }
        }
    }

    @Test func `keys that are made at the same time do not exceed the quota together`() async throws {
        try await Self.withHarness(#"{"*":{"resources":{"keys":3}}}"#) { harness in
            let body = #"{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY","MultiRegion":true}"#
            let codes = await withTaskGroup(of: KMSError.Code?.self) { group in
                for _ in 0..<8 { group.addTask { await harness.call(.createKey, body).code } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.count { $0 == nil } == 3)
            #expect(codes.count { $0 == .limitExceeded } == 5)
            // Regions have quotas of their own, which replicas count against.
            let key = try #require(
                try await harness.call(.listKeys, "{}").object().objects("Keys").first?.text("KeyId"))
            for _ in 0..<3 { #expect(await harness.call(.createKey, "{}", in: "eu-west-1").code == nil) }
            let replicate = { (region: String) in
                await harness.call(.replicateKey, #"{"KeyId":"\#(key)","ReplicaRegion":"\#(region)"}"#).code
            }
            #expect(await replicate("eu-west-1") == .limitExceeded)
            #expect(await replicate("eu-west-3") == nil)
        }
    }

    @Test func `each resource has the quota that the operator gives it`() async throws {
        let overrides = """
            {"*":{"resources":{"aliasesPerKey":1,"grantsPerKey":1,"policyBytes":40000,"onDemandRotationsPerKey":1}},\
            "\(EngineHarness.account?.description ?? "")":{"resources":{"grantsPerKey":2}}}
            """
        try await Self.withHarness(overrides) { harness in
            let key = try await harness.makeKey()
            func create(alias name: String) async -> KMSError.Code? {
                await harness.call(.createAlias, #"{"AliasName":"alias/\#(name)","TargetKeyId":"\#(key)"}"#).code
            }
            #expect(await create(alias: "one") == nil)
            #expect(await create(alias: "two") == .limitExceeded)
            for (number, expected) in [(1, nil), (2, nil), (3, KMSError.Code.limitExceeded)] {
                let account = "arn:aws:iam::44445555666\(number):root"
                let body = #"{"KeyId":"\#(key)","GranteePrincipal":"\#(account)","Operations":["Decrypt"]}"#
                #expect(await harness.call(.createGrant, body).code == expected)
            }
            #expect(await harness.call(.rotateKeyOnDemand, #"{"KeyId":"\#(key)"}"#).code == nil)
            #expect(await harness.call(.rotateKeyOnDemand, #"{"KeyId":"\#(key)"}"#).code == .limitExceeded)
            let policy = try await harness.call(.getKeyPolicy, #"{"KeyId":"\#(key)"}"#).string("Policy")
            for (count, expected) in [(40_000, nil), (40_001, KMSError.Code.limitExceeded)] {
                let long = policy + String(repeating: " ", count: count - policy.utf8.count)
                var writer = JSONWriter()
                writer.value(.object(JSONObject(["KeyId": .string(key), "Policy": .string(long)])))
                let answer = await harness.call(.putKeyPolicy, String(decoding: writer.bytes, as: UTF8.self))
                #expect(answer.code == expected)
                if case .failure(let error) = answer.result {
                    #expect(error.message == "The key policy exceeds the maximum of 40000 bytes.")
                }
            }
        }
    }
}
