import Foundation
import KMSEngine
import KMSModel
import Testing

@Suite
struct MetricsTests {
    @Test
    func `calls are counted as they end`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let key = try await harness.makeKey()
            let before = harness.engine.monitoring.exposition(version: "test")
            #expect(before.contains(#"chatelaine_requests_total{api="kms",operation="CreateKey",outcome="Success"} 1"#))
            #expect(!before.contains("Encrypt"))
            _ = await harness.call(.encrypt, #"{"KeyId":"\#(key)","Plaintext":"AAAA"}"#)
            _ = await harness.call(.encrypt, #"{"KeyId":"absent","Plaintext":"AAAA"}"#)
            let after = harness.engine.monitoring.exposition(version: "test")
            #expect(after.contains(#"operation="Encrypt",outcome="Success"} 1"#))
            #expect(after.contains(#"operation="Encrypt",outcome="NotFoundException"} 1"#))
            #expect(after.contains(#"chatelaine_request_duration_seconds_count{api="kms",operation="Encrypt"} 2"#))
            try await harness.close()
        }
    }

    @Test
    func `the census follows each key`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            func shown(_ text: String) -> Bool {
                harness.engine.monitoring.exposition(version: "test").contains(text)
            }
            let key = try await harness.makeKey()
            let enabled =
                #"chatelaine_keys{state="Enabled",spec="SYMMETRIC_DEFAULT",origin="AWS_KMS",manager="CUSTOMER"}"#
            #expect(shown("\(enabled) 1"))
            #expect(!shown("chatelaine_next_deletion_seconds"))
            _ = await harness.call(.scheduleKeyDeletion, #"{"KeyId":"\#(key)","PendingWindowInDays":7}"#)
            #expect(!shown(enabled))
            #expect(shown(#"state="PendingDeletion""#))
            #expect(shown("chatelaine_next_deletion_seconds 604"))
            try await harness.advance(days: 8)
            #expect(!shown("chatelaine_keys{"))
            #expect(!shown("chatelaine_next_deletion_seconds"))
            try await harness.close()
        }
    }

    @Test
    func `an audit log that cannot be written is a reason not to be ready`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let monitoring = harness.engine.monitoring
            #expect(await monitoring.problems() == ["starting"])
            harness.engine.metrics.phase = .serving
            #expect(await monitoring.problems() == [])
            harness.stopRecording()
            _ = await harness.call(.listKeys, "{}")
            #expect(await monitoring.problems() == ["the audit log: The audit log is closed."])
            #expect(monitoring.exposition(version: "test").contains("chatelaine_audit_append_failures_total 1"))
            harness.engine.metrics.phase = .sealed
            #expect(await monitoring.problems() == ["sealed"])
            #expect(monitoring.exposition(version: "test").contains("chatelaine_sealed 1"))
        }
    }

    @Test
    func `what is throttled is counted by its quota`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory, quotas: QuotaSettings(profile: .aws))
            func lines() -> [Substring] {
                harness.engine.monitoring.exposition(version: "test").split(separator: "\n")
                    .filter { $0.hasPrefix("chatelaine_throttled_requests_total{") }
            }
            #expect(lines().isEmpty)
            // GetParametersForImport: one in a second.
            for _ in 0..<3 { _ = await harness.call(.getParametersForImport, "{}") }
            #expect(lines() == [#"chatelaine_throttled_requests_total{quota="GetParametersForImport"} 2"#])
            try await harness.close()
        }
    }

    @Test
    func `counting a request costs less than a microsecond`() {
        let metrics = Metrics()
        let count = 20_000
        // The best of several rounds, because the machine has other things to do.
        let rounds = (0..<20).map { _ in
            let round = Stopwatch()
            for _ in 0..<count { metrics.requests.record(.encrypt, nil, Stopwatch()) }
            return Double(round.elapsed) / Double(count)
        }
        #expect(rounds.min().map { $0 < 1000 } == true, "\(rounds) ns")
    }
}
