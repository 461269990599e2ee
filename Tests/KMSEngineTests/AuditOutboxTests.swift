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

    @Test func `what was done right before a crash is recorded at the next start`() async throws {
        try await withTemporaryDirectory { directory in
            let names = [
                "RotateKey", "SynchronizeMultiRegionKey", "DeleteKey", "DisableKey", "RotateKeyOnDemand", "CreateKey",
            ]
            var harness = try await EngineHarness(in: directory)
            let rotating = try await harness.makeKey(#"{"MultiRegion":true}"#)
            let ending = try await harness.makeKey()
            let replica = #"{"KeyId":"\#(rotating)","ReplicaRegion":"eu-west-1"}"#
            #expect(await harness.call(.replicateKey, replica).code == nil)
            #expect(await harness.call(.enableKeyRotation, #"{"KeyId":"\#(rotating)"}"#).code == nil)
            #expect(await harness.call(.scheduleKeyDeletion, #"{"KeyId":"\#(ending)"}"#).code == nil)
            try await harness.advance(days: 0)
            let before = try names.map { try eventIDs(of: $0, harness) }
            harness.stopRecording()
            let other = await harness.call(.createKey, "{}")
            #expect(other.code == .kmsInternal)
            #expect(await harness.call(.rotateKeyOnDemand, #"{"KeyId":"\#(rotating)"}"#).code == .kmsInternal)
            #expect(await harness.call(.disableKey, #"{"KeyId":"\#(rotating)"}"#, in: "eu-west-1").code == .kmsInternal)
            await #expect(throws: KMSError.self) { try await harness.advance(days: 366) }
            await harness.engine.housekeeping.doWhatIsDue()
            #expect(await harness.call(.describeKey, #"{"KeyId":"alias/aws/sqs"}"#).code == .kmsInternal)
            try await harness.close(crashing: true)

            harness = try await EngineHarness(in: directory)
            let after = try names.map { try eventIDs(of: $0, harness) }
            let added = zip(before, after).map { $1.count - $0.count }
            #expect(added == [2, 2, 1, 1, 1, 2])
            for ids in after { #expect(Set(ids).count == ids.count) }
            // Another crash may bring what is there already, and nothing else; an orderly end not even that.
            try await harness.close(crashing: true)
            harness = try await EngineHarness(in: directory)
            #expect(try names.map { Set(try eventIDs(of: $0, harness)) } == after.map { Set($0) })
            let count = try harness.auditRecords().count
            try await harness.close()
            harness = try await EngineHarness(in: directory)
            #expect(try harness.auditRecords().count == count)
            try await harness.close()
        }
    }
}
