import Foundation
import KMSEngine
import KMSModel
import Testing

/// Answers that are given out once the records of several calls have been kept together.
@Suite struct UnkeptAnswerTests {
    private func names(_ harness: EngineHarness) throws -> [String] {
        try harness.auditRecords().compactMap { record in
            if case .string(let name)? = record["eventName"] { name } else { nil }
        }
    }

    @Test func `the records of a group are in the log when its answers are given out, in their order`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let key = try await harness.makeKey()
            let before = try names(harness)
            let random = await harness.unkept(.generateRandom, #"{"NumberOfBytes":8}"#)
            let refused = await harness.unkept(.describeKey, #"{"KeyId":"alias/none"}"#)
            let described = await harness.unkept(.describeKey, #"{"KeyId":"\#(key)"}"#)
            #expect(try names(harness) == before)
            let results = try #require(harness.engine.pipeline.keep([random, refused, described])).map(Answer.init)
            #expect(results.map(\.code) == [nil, .notFound, nil])
            #expect(try results[2].string("KeyMetadata", "KeyId") == key)
            #expect(try names(harness) == before + ["GenerateRandom", "DescribeKey", "DescribeKey"])
            #expect(try harness.verifyAudit().isWhole)
            try await harness.close()
        }
    }

    @Test func `a record that is too long is shortened, and not those beside it`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            // As many times six bytes in a record; two that are long make more together than one may have.
            let counts = [0, 30_000, 60_000, 30_000, 0]
            var group: [UnkeptAnswer] = []
            for count in counts {
                let text = String(repeating: #"\u0001"#, count: count)
                let body = #"{"KeyId":"alias/none","Plaintext":"YQ==","EncryptionContext":{"a":"\#(text)"}}"#
                group.append(await harness.unkept(.encrypt, body))
            }
            let results = try #require(harness.engine.pipeline.keep(group)).map { Answer(result: $0) }
            #expect(results.map(\.code) == counts.map { _ in .notFound })
            let asked = try harness.auditRecords().suffix(counts.count).map { record -> JSONObject? in
                if case .object(let parameters)? = record["requestParameters"] { parameters } else { nil }
            }
            for (count, parameters) in zip(counts, asked) {
                let isOmitted = count == 60_000
                #expect(parameters?["omitted"] == (isOmitted ? .bool(true) : nil))
                let pair = JSONObject(["a": .string(String(repeating: "\u{1}", count: count))])
                #expect(parameters?["encryptionContext"] == (isOmitted ? nil : .object(pair)))
            }
            #expect(try harness.verifyAudit().isWhole)
            try await harness.close()
        }
    }

    @Test func `no answer of a group is given out whose record cannot be written`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let random = await harness.unkept(.generateRandom, #"{"NumberOfBytes":8}"#)
            let refused = await harness.unkept(.describeKey, #"{"KeyId":"alias/none"}"#)
            harness.stopRecording()
            let results = try #require(harness.engine.pipeline.keep([random, refused])).map(Answer.init)
            #expect(results.map(\.code) == [.kmsInternal, .kmsInternal])
            try await harness.close(crashing: true)
        }
    }

    @Test func `a group waits for another file where this one is full`() async throws {
        var audit = AuditConfiguration()
        audit.fileSize = 4096
        try await withTemporaryDirectory { [audit] directory in
            let harness = try await EngineHarness(in: directory, audit: audit)
            var waits = 0
            for _ in 0..<50 {
                let group = [
                    await harness.unkept(.generateRandom, #"{"NumberOfBytes":8}"#),
                    await harness.unkept(.generateRandom, #"{"NumberOfBytes":9}"#),
                ]
                var results = harness.engine.pipeline.keep(group)
                if results == nil {
                    waits += 1
                    results = await harness.engine.pipeline.kept(group)
                }
                #expect(try #require(results).map { Answer(result: $0).code } == [nil, nil])
            }
            #expect(waits > 0)
            #expect(try harness.verifyAudit().isWhole)
            try await harness.close()
        }
    }

    @Test func `what has to be on the disk is there before anybody may keep it`() async throws {
        var audit = AuditConfiguration()
        audit.sync = .everyGroup
        try await withTemporaryDirectory { [audit] directory in
            let harness = try await EngineHarness(in: directory, audit: audit)
            let random = await harness.unkept(.generateRandom, #"{"NumberOfBytes":8}"#)
            #expect(try names(harness).last == "GenerateRandom")
            harness.stopRecording()
            #expect(try #require(harness.engine.pipeline.keep([random])).map { Answer(result: $0).code } == [nil])
            try await harness.close(crashing: true)
        }
    }
}
