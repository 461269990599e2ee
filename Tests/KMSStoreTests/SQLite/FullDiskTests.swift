import Foundation
import KMSModel
import KMSStore
import KMSStoreSQLite
import Testing

/// What happens when the file system refuses.
///
/// Needs the right to mount one of its own, and is skipped without it.
@Suite(.enabled("only root can mount a small file system") { Mount.isPossible }, .serialized)
struct FullDiskTests {
    private let samples: Samples
    private let mount: Mount

    init() throws {
        samples = try Samples()
        mount = try Mount(options: "size=1m")
    }

    @Test func `a full disk is unavailability, loses nothing, and passes`() async throws {
        let store = try await SQLiteStore.open(in: mount.path)
        let filler = mount.path + "/filler"
        try Data(count: 500_000).write(to: URL(filePath: filler))
        var acknowledged: [KeyARN] = []
        var refusal: StoreError?
        for number in 0..<1000 where refusal == nil {
            let change = try creation(number)
            let arn = try samples.arn(number)
            do throws(StoreError) {
                try await store.commit(change)
                acknowledged.append(arn)
            } catch {
                refusal = error
            }
        }
        #expect(refusal.map(Refusal.init) == .undone)
        #expect(acknowledged.count > 10)
        #expect(Set(try await store.contents().keys.map(\.arn)) == Set(acknowledged))

        try FileManager.default.removeItem(atPath: filler)
        try await store.commit(try creation(5000))
        acknowledged.append(try samples.arn(5000))
        try await store.check()
        try await store.close()
        let reopened = try await SQLiteStore.open(in: mount.path)
        let contents = try await reopened.contents()
        #expect(Set(contents.keys.map(\.arn)) == Set(acknowledged))
        #expect(contents.materials.count == acknowledged.count)
        try await reopened.close()
    }

    @Test func `destroyed material that a full disk kept in the log goes with a later change`() async throws {
        let store = try await SQLiteStore.open(in: mount.path)
        try await store.commit(try creation(1))
        try await store.commit(Change([.setSetting("room", Array(repeating: 1, count: 100_000))]))
        let filler = mount.path + "/filler"
        try mount.fill(filler, leaving: 60_000)
        try await store.commit(Change([.deleteKey(try samples.arn(1), expecting: 1)]))
        let remained = try mount.contains(Array(Samples.secret(1).prefix(40)))
        try FileManager.default.removeItem(atPath: filler)
        try await store.commit(Change([.setSetting("small", [])]))
        #expect(remained, "the disk was not full enough for this test to mean anything")
        #expect(try !mount.contains(Array(Samples.secret(1).prefix(40))))
        try await store.close()
    }

    @Test func `a read-only file system is unavailability`() async throws {
        let store = try await SQLiteStore.open(in: mount.path)
        try await store.commit(try creation(1))
        try await store.close()
        try mount.remount("ro")
        let path = mount.path
        await expectRefusal(.unavailable) { () throws(StoreError) in _ = try await SQLiteStore.open(in: path) }
        try mount.remount("rw")
        let reopened = try await SQLiteStore.open(in: path)
        #expect(try await reopened.contents().keys.count == 1)
        try await reopened.close()
    }

    @Test func `a read-only file system without a store is unavailability`() async throws {
        try mount.remount("ro")
        let path = mount.path
        await expectRefusal(.unavailable) { () throws(StoreError) in _ = try await SQLiteStore.open(in: path) }
    }

    private func creation(_ number: Int) throws -> Change {
        Change([
            .insertKey(try samples.key(number)),
            .insertMaterial(try samples.material(number, of: number, wrapped: Samples.secret(number))),
        ])
    }
}
