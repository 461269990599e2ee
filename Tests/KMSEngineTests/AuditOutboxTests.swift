import Foundation
import KMSEngine
import KMSModel
import Testing

struct AuditOutboxTests {
    /// The identifiers of the records of `name`.
    private func eventIDs(of name: String, _ harness: EngineHarness) throws -> [String] {
        try harness.auditRecords().filter { $0["eventName"] == .string(name) }.map { record in
            guard case .string(let eventID)? = record["eventID"] else { throw JSONFailure.syntax(offset: 0) }
            return eventID
        }
    }

    private static let names = [
        "CreateKey", "RotateKeyOnDemand", "RotateKey", "SynchronizeMultiRegionKey", "DisableKey", "DeleteKey",
        "AdvanceClock",
    ]

    private func eventIDs(_ harness: EngineHarness) throws -> [[String]] {
        try Self.names.map { try eventIDs(of: $0, harness) }
    }

    /// Does something of which nothing gets into the log before a crash, and starts again.
    ///
    /// - Returns: How many records of each name came by that.
    private func interrupt(
        _ harness: inout EngineHarness, _ work: (EngineHarness) async throws -> Void
    ) async throws -> [Int] {
        let before = try eventIDs(harness)
        harness.stopRecording()
        try await work(harness)
        #expect(try eventIDs(harness) == before)
        try await harness.close(crashing: true)
        harness = try await EngineHarness(in: harness.directory)
        let after = try eventIDs(harness)
        for ids in after { #expect(Set(ids).count == ids.count) }
        return zip(before, after).map { $1.count - $0.count }
    }

    @Test func `what was done right before a crash is recorded at the next start`() async throws {
        try await withTemporaryDirectory { directory in
            var harness = try await EngineHarness(in: directory)
            let rotating = try await harness.makeKey(#"{"MultiRegion":true}"#)
            let ending = try await harness.makeKey()
            let replica = #"{"KeyId":"\#(rotating)","ReplicaRegion":"eu-west-1"}"#
            #expect(await harness.call(.replicateKey, replica).code == nil)
            #expect(await harness.call(.enableKeyRotation, #"{"KeyId":"\#(rotating)"}"#).code == nil)
            #expect(await harness.call(.scheduleKeyDeletion, #"{"KeyId":"\#(ending)"}"#).code == nil)
            try await harness.advance(days: 0)
            var added = try await interrupt(&harness) {
                #expect(await $0.call(.createKey, "{}").code == .kmsInternal)
                // While there is a change without a record there is no other one.
                let listed = await $0.call(.disableKey, #"{"KeyId":"\#(rotating)"}"#, in: "eu-west-1")
                #expect(listed.code == .kmsInternal)
            }
            #expect(added == [1, 0, 0, 0, 0, 0, 0])
            added = try await interrupt(&harness) {
                #expect(await $0.call(.rotateKeyOnDemand, #"{"KeyId":"\#(rotating)"}"#).code == .kmsInternal)
            }
            #expect(added == [0, 1, 1, 1, 0, 0, 0])
            added = try await interrupt(&harness) {
                let answer = await $0.call(.disableKey, #"{"KeyId":"\#(rotating)"}"#, in: "eu-west-1")
                #expect(answer.code == .kmsInternal)
            }
            #expect(added == [0, 0, 0, 0, 1, 0, 0])
            added = try await interrupt(&harness) {
                #expect(await $0.call(.describeKey, #"{"KeyId":"alias/aws/sqs"}"#).code == .kmsInternal)
            }
            #expect(added == [1, 0, 0, 0, 0, 0, 0])
            added = try await interrupt(&harness) { harness in
                await #expect(throws: KMSError.self) { try await harness.advance(days: 366) }
            }
            #expect(added == [0, 0, 0, 0, 0, 0, 1])
            // What is due is done one after the other; what comes after a lost record waits.
            for expected in [[0, 0, 0, 0, 0, 1, 0], [0, 0, 1, 1, 0, 0, 0]] {
                added = try await interrupt(&harness) { await $0.engine.housekeeping.doWhatIsDue() }
                #expect(added == expected)
            }
            // Another crash may bring what is there already, and nothing else; an orderly end not even that.
            let ids = try eventIDs(harness).map(Set.init)
            try await harness.close(crashing: true)
            harness = try await EngineHarness(in: directory)
            #expect(try eventIDs(harness).map(Set.init) == ids)
            let count = try harness.auditRecords().count
            try await harness.close()
            harness = try await EngineHarness(in: directory)
            #expect(try harness.auditRecords().count == count)
            #expect(try harness.verifyAudit().isWhole)
            try await harness.close()
        }
    }
}
