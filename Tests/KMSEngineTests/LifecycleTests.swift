import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import Testing

struct LifecycleTests {
    @Test func `ten yearly rotations keep every earlier ciphertext readable, also after a restart`() async throws {
        try await withTemporaryDirectory { directory in
            var harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey()
            #expect(await harness.call(.enableKeyRotation, #"{"KeyId":"\#(keyID)"}"#).code == nil)
            var ciphertexts: [String] = []
            var materials: Set<String> = []
            for year in 0...10 {
                if year == 5 {
                    try await harness.close()
                    harness = try await EngineHarness(in: directory)
                }
                if year > 0 { try await harness.advance(days: 365) }
                let body = #"{"KeyId":"\#(keyID)","Plaintext":"\#(Base64.encode([UInt8(year)]))"}"#
                ciphertexts.append(try await harness.call(.encrypt, body).string("CiphertextBlob"))
                let metadata = await harness.call(.describeKey, #"{"KeyId":"\#(keyID)"}"#)
                materials.insert(try metadata.string("KeyMetadata", "CurrentKeyMaterialId"))
            }
            #expect(materials.count == 11)
            for (year, ciphertext) in ciphertexts.enumerated() {
                let answer = await harness.call(.decrypt, #"{"CiphertextBlob":"\#(ciphertext)"}"#)
                #expect(try answer.string("Plaintext") == Base64.encode([UInt8(year)]))
            }
            let rotations = try harness.auditRecords().filter { $0["eventName"] == .string("RotateKey") }
            #expect(rotations.count == 10)
            try await harness.close()
        }
    }

    @Test func `rotations that were missed are made up for one by one`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey()
            _ = await harness.call(.enableKeyRotation, #"{"KeyId":"\#(keyID)","RotationPeriodInDays":100}"#)
            try await harness.advance(days: 350)
            let rotations = try harness.auditRecords().filter { $0["eventName"] == .string("RotateKey") }
            #expect(rotations.count == 3)
            let dates = try await rotationDates(of: keyID, harness)
            #expect(dates.count == 3)
            for (earlier, later) in zip(dates, dates.dropFirst()) { #expect(abs(later - earlier - 100 * 86_400) < 1) }
            // The last of them was due fifty days before the clock stopped.
            let lag = Date().timeIntervalSince1970 + 350 * 86_400 - (dates.last ?? 0)
            #expect(abs(lag - 50 * 86_400) < 60)
            try await harness.close()
        }
    }

    @Test func `a key that was off while rotations were due rotates once when it is enabled`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey()
            let body = #"{"KeyId":"\#(keyID)"}"#
            _ = await harness.call(.enableKeyRotation, #"{"KeyId":"\#(keyID)","RotationPeriodInDays":100}"#)
            _ = await harness.call(.disableKey, body)
            try await harness.advance(days: 350)
            _ = await harness.call(.enableKey, body)
            try await harness.advance(days: 1)
            #expect(try await rotationDates(of: keyID, harness).count == 1)
            try await harness.advance(days: 98)
            #expect(try await rotationDates(of: keyID, harness).count == 1)
            try await harness.advance(days: 1)
            #expect(try await rotationDates(of: keyID, harness).count == 2)
            try await harness.close()
        }
    }

    @Test func `a primary's waiting period begins with the end of its last replica`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey(#"{"MultiRegion":true}"#)
            let body = #"{"KeyId":"\#(keyID)"}"#
            _ = await harness.call(.replicateKey, #"{"KeyId":"\#(keyID)","ReplicaRegion":"eu-west-1"}"#)
            try await harness.advance(days: 0)
            let end = #"{"KeyId":"\#(keyID)","PendingWindowInDays":7}"#
            #expect(await harness.call(.scheduleKeyDeletion, end).code == nil)
            #expect(await harness.call(.scheduleKeyDeletion, end, in: "eu-west-1").code == nil)
            try await harness.advance(days: 10)
            let metadata = try await harness.call(.describeKey, body).object()["KeyMetadata"]
            guard case .object(let metadata)? = metadata, case .number(let digits)? = metadata["DeletionDate"] else {
                Issue.record("no deletion date")
                return
            }
            let left = (TimeInterval(digits) ?? 0) - Date().timeIntervalSince1970 - 10 * 86_400
            #expect(abs(left - 4 * 86_400) < 60)
            try await harness.advance(days: 4)
            #expect(await harness.call(.describeKey, body).code == .notFound)
            try await harness.close()
        }
    }

    @Test func `the clock stops before the dates that can be stored do`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            for _ in 0..<69 { try await harness.advance(days: 36_500) }
            await #expect(throws: KMSError.self) {
                for _ in 0..<2 { try await harness.advance(days: 36_500) }
            }
            let keyID = try await harness.makeKey()
            #expect(await harness.call(.enableKeyRotation, #"{"KeyId":"\#(keyID)"}"#).code == nil)
            #expect(await harness.call(.scheduleKeyDeletion, #"{"KeyId":"\#(keyID)"}"#).code == nil)
            try await harness.close()
        }
    }

    /// When each rotation of a key happened, in seconds since 1970.
    private func rotationDates(of keyID: String, _ harness: EngineHarness) async throws -> [TimeInterval] {
        let answer = try await harness.call(.listKeyRotations, #"{"KeyId":"\#(keyID)"}"#).object()
        guard case .array(let rotations)? = answer["Rotations"] else { return [] }
        return rotations.compactMap { rotation in
            guard case .object(let rotation) = rotation, case .number(let digits)? = rotation["RotationDate"] else {
                return nil
            }
            return TimeInterval(digits)
        }
    }

    @Test func `a disabled key does not rotate until it is enabled`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey()
            let body = #"{"KeyId":"\#(keyID)"}"#
            func material() async throws -> String {
                try await harness.call(.describeKey, body).string("KeyMetadata", "CurrentKeyMaterialId")
            }
            let first = try await material()
            _ = await harness.call(.enableKeyRotation, body)
            _ = await harness.call(.disableKey, body)
            try await harness.advance(days: 400)
            #expect(try await material() == first)
            _ = await harness.call(.enableKey, body)
            try await harness.advance(days: 0)
            #expect(try await material() != first)
            try await harness.close()
        }
    }

    @Test func `a key ends with its waiting period, and everything with it`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey()
            let body = #"{"KeyId":"\#(keyID)"}"#
            _ = await harness.call(.createAlias, #"{"AliasName":"alias/gone","TargetKeyId":"\#(keyID)"}"#)
            let encrypt = #"{"KeyId":"\#(keyID)","Plaintext":"YQ=="}"#
            let ciphertext = try await harness.call(.encrypt, encrypt).string("CiphertextBlob")
            _ = await harness.call(.scheduleKeyDeletion, #"{"KeyId":"\#(keyID)","PendingWindowInDays":7}"#)
            try await harness.advance(days: 6)
            #expect(await harness.call(.encrypt, encrypt).code == .kmsInvalidState)
            try await harness.advance(days: 1)
            #expect(await harness.call(.describeKey, body).code == .notFound)
            #expect(await harness.call(.describeKey, #"{"KeyId":"alias/gone"}"#).code == .notFound)
            #expect(await harness.call(.decrypt, #"{"CiphertextBlob":"\#(ciphertext)"}"#).code == .accessDenied)
            try await harness.close()
            let reopened = try await EngineHarness(in: directory)
            #expect(await reopened.call(.describeKey, body).code == .notFound)
            #expect(try harness.auditRecords().contains { $0["eventName"] == .string("DeleteKey") })
            try await reopened.close()
        }
    }

    @Test func `changes of one key at the same time all count`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey()
            let refused = await withTaskGroup(of: KMSError.Code?.self) { group in
                for number in 0..<10 {
                    group.addTask {
                        await harness.call(
                            .tagResource, #"{"KeyId":"\#(keyID)","Tags":[{"TagKey":"\#(number)","TagValue":""}]}"#
                        ).code
                    }
                }
                return await group.reduce(into: [KMSError.Code]()) { if let code = $1 { $0.append(code) } }
            }
            #expect(refused.isEmpty)
            let tags = try await harness.call(.listResourceTags, #"{"KeyId":"\#(keyID)"}"#).object()["Tags"]
            guard case .array(let list)? = tags else {
                Issue.record("no tags")
                return
            }
            #expect(list.count == 10)
            try await harness.close()
        }
    }

    @Test func `a store does not open with another root key, and is not touched`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let keyID = try await harness.makeKey()
            try await harness.close()
            let rootKey = directory.appendingPathComponent("root.key")
            let kept = directory.appendingPathComponent("root.key.kept")
            try FileManager.default.moveItem(at: rootKey, to: kept)
            await #expect(throws: Engine.StartFailure.self) { try await EngineHarness(in: directory) }
            try FileManager.default.removeItem(at: rootKey)
            try FileManager.default.moveItem(at: kept, to: rootKey)
            let again = try await EngineHarness(in: directory)
            #expect(await again.call(.describeKey, #"{"KeyId":"\#(keyID)"}"#).code == nil)
            try await again.close()
        }
    }

    @Test func `moved time is where it was after a restart`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            try await harness.advance(days: 1000)
            try await harness.close()
            let again = try await EngineHarness(in: directory)
            let answer = try await again.call(.createKey, "{}").object()
            guard case .object(let metadata)? = answer["KeyMetadata"],
                case .number(let digits)? = metadata["CreationDate"]
            else {
                Issue.record("no creation date")
                return
            }
            let lead = (TimeInterval(digits) ?? 0) - Date().timeIntervalSince1970
            #expect(abs(lead - 1000 * 86_400) < 60)
            try await again.close()
        }
    }
}
