import Foundation
import KMSCrypto
import KMSEngine
import KMSStoreSQLite
import Testing

/// What has the root key to itself: a rotation, or the copy of a store that goes with it.
struct RootRotationTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("rotation-\(UUID().uuidString)")

    private func withEngine(_ work: (EngineHarness, RootRotation) async throws -> Void) async throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let harness = try await EngineHarness(in: directory)
        try await work(harness, harness.engine.rootRotation)
        try await harness.close()
    }

    private var seal: FileSeal { FileSeal(path: directory.appendingPathComponent("root.key").path) }

    @Test func `no rotation begins while the root key is at rest`() async throws {
        try await withEngine { _, rotation in
            let sealed = seal
            let rotate: @Sendable () async throws -> Void = {
                _ = try await rotation.rotate(endingSessions: true, sealing: { try sealed.seal($0) })
            }
            try await rotation.withRootKeyAtRest { rootKey in
                for attempt in [rotate, { try await rotation.withRootKeyAtRest { _ in } }] {
                    await #expect {
                        try await attempt()
                    } throws: {
                        if case RootRotation.Failure.atRest = $0 { true } else { false }
                    }
                }
                let kept = try sealed.open()
                #expect(kept.isSame(as: rootKey))
            }
            try await rotate()
        }
    }

    @Test func `the root key is not at rest before a rotation is at its end`() async throws {
        try await withEngine { _, rotation in
            let sealed = seal
            let isRefused: @Sendable () async -> Bool = {
                do {
                    try await rotation.withRootKeyAtRest { _ in }
                    return false
                } catch {
                    if case RootRotation.Failure.underWay = error { return true }
                    return false
                }
            }
            let rotated = try? await rotation.rotate(
                endingSessions: true,
                sealing: { _ in
                    let isRefused = await isRefused()
                    #expect(isRefused, "meanwhile")
                    throw CancellationError()
                })
            #expect(rotated == nil)
            #expect(await isRefused(), "interrupted")
            try await rotation.doWhatIsDue(sealing: { try sealed.seal($0) })
            #expect(await !isRefused(), "at its end")
        }
    }

    @Test func `a copy of the store has the mark of the root key that it goes with`() async throws {
        try await withEngine { harness, rotation in
            let sealed = seal
            var earlier: [UInt8]?
            for round in 0..<2 {
                let copy = directory.appendingPathComponent("copy-\(round)").path
                earlier = try await rotation.withRootKeyAtRest { [earlier] rootKey in
                    try await harness.copyStore(to: copy)
                    let setting = RootRotation.markSetting
                    let mark = try #require(try await SQLiteStore.setting(setting, inCopyAt: copy))
                    #expect(!mark.isEmpty && Engine.mayOpen([setting: mark], with: rootKey))
                    if let earlier { #expect(!Engine.mayOpen([setting: earlier], with: rootKey)) }
                    let nothing = try await SQLiteStore.setting("nothing", inCopyAt: copy)
                    #expect(nothing == nil)
                    return mark
                }
                let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
                #expect(names.filter { $0.hasPrefix("copy-\(round)") } == ["copy-\(round)"])
                _ = try await rotation.rotate(endingSessions: true, sealing: { try sealed.seal($0) })
            }
        }
    }
}
