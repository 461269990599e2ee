import Foundation
import KMSModel
import KMSStore
import KMSStoreSQLite
import Testing

/// What is there after the process or the machine stopped at any moment.
@Suite struct CrashTests {
    private let samples: Samples
    private let directory: ScratchDirectory

    init() throws {
        samples = try Samples()
        directory = try ScratchDirectory()
    }

    /// Three records that only make sense together.
    private func creation(_ number: Int) throws -> Change {
        Change([
            .insertKey(try samples.key(number, tags: [.init(key: "k", value: "v")])),
            .insertMaterial(try samples.material(number, of: number, wrapped: Samples.secret(number, count: 2000))),
            .insertAlias(try samples.alias("a\(number)", to: number)),
        ])
    }

    @Test func `what was committed is in the files at that moment`() async throws {
        let store = try await SQLiteStore.open(in: directory.path)
        for number in 1...5 {
            try await store.commit(try creation(number))
            let image = try directory.crashImage()
            let revived = try await SQLiteStore.open(in: image.path)
            #expect(Snapshot(try await revived.contents()) == Snapshot(try await store.contents()))
            #expect(try await revived.contents().keys.count == number)
            try await revived.check()
            try await revived.close()
        }
        try await store.close()
    }

    /// A power cut can end the log anywhere behind the last commit that was acknowledged, and leave noise at the end.
    @Test(arguments: [false, true])
    func `of a log that ends anywhere, whole changes are left, the oldest first`(withNoise: Bool) async throws {
        let store = try await SQLiteStore.open(in: directory.path)
        for number in 1...4 { try await store.commit(try creation(number)) }
        let image = try directory.crashImage()
        try await store.close()
        let database = try Data(contentsOf: URL(filePath: image.database))
        let log = try Data(contentsOf: URL(filePath: image.database + "-wal"))
        var counts: [Int] = []
        for end in stride(from: 0, through: log.count, by: 3331) {
            try database.write(to: URL(filePath: image.database))
            var cut = log.prefix(end)
            if withNoise { cut.append(contentsOf: Samples.secret(end, count: log.count - end)) }
            try cut.write(to: URL(filePath: image.database + "-wal"))
            let revived = try await SQLiteStore.open(in: image.path)
            try await revived.check()
            let contents = try await revived.contents()
            let count = contents.keys.count
            let oldest = Set(try (0..<count).map { try samples.arn($0 + 1) })
            #expect(Set(contents.keys.map(\.arn)) == oldest)
            #expect(contents.materials.count == count && contents.aliases.count == count)
            #expect(contents.keys.allSatisfy { $0.tags.count == 1 })
            counts.append(count)
            try await revived.close()
        }
        #expect(counts == counts.sorted())
        #expect(Set(counts).isSuperset(of: [0, 1, 2, 3]))
    }

    @Test func `a crash between destruction and the emptying of the log is made good at the next start`() async throws {
        let store = try await SQLiteStore.open(in: directory.path)
        try await store.commit(try creation(1))
        let before = try directory.crashImage()
        let log = try Data(contentsOf: URL(filePath: before.database + "-wal"))
        #expect(log.range(of: Data(Samples.secret(1, count: 2000).prefix(100))) != nil)
        // Opening takes everything out of the log, so nothing that was in it can be there after a later deletion.
        let revived = try await SQLiteStore.open(in: before.path)
        #expect(try Data(contentsOf: URL(filePath: before.database + "-wal")).isEmpty)
        try await revived.commit(Change([.deleteKey(try samples.arn(1), expecting: 1)]))
        #expect(try !before.contains(Array(Samples.secret(1, count: 2000).prefix(100))))
        try await revived.close()
        try await store.close()
    }
}
