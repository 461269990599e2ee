import Foundation
import KMSModel
import KMSStore
import KMSStoreSQLite
import Testing

/// Destroyed material is gone from the files, not only from the answers.
@Suite struct DestructionTests {
    private let samples: Samples
    private let directory: ScratchDirectory

    init() throws {
        samples = try Samples()
        directory = try ScratchDirectory()
    }

    /// The ways in which wrapped secrets come to their end.
    static let endings: [(name: String, change: @Sendable (Samples) throws -> Change)] = [
        ("key", { Change([.deleteKey(try $0.arn(1), expecting: 1)]) }),
        ("material", { Change([.deleteMaterial(try $0.arn(1), try $0.materialID(1))]) }),
        ("expiry", { Change([.updateMaterial(try $0.material(1, wrapped: nil))]) }),
    ]

    @Test(arguments: endings.indices, [40, 96, 1500, 9000])
    func `deleted material is in no file once the change is committed`(ending: Int, byteCount: Int) async throws {
        let store = try await SQLiteStore.open(in: directory.path)
        let doomed = Samples.secret(1, count: byteCount)
        let kept = Samples.secret(2, count: byteCount)
        try await store.commit(
            Change([
                .insertKey(try samples.key(1)), .insertMaterial(try samples.material(1, wrapped: doomed)),
                .insertKey(try samples.key(2)), .insertMaterial(try samples.material(2, of: 2, wrapped: kept)),
            ])
        )
        #expect(try directory.contains(Array(doomed.prefix(40))))
        try await store.commit(try Self.endings[ending].change(samples))
        for start in stride(from: 0, through: doomed.count - 20, by: 20) {
            #expect(try !directory.contains(Array(doomed[start..<start + 20])))
        }
        #expect(try directory.contains(Array(kept.prefix(40))))
        try await store.close()
    }

    @Test func `a replaced or deleted secret of an access key is in no file once the change is committed`() async throws
    {
        let store = try await SQLiteStore.open(in: directory.path)
        func accessKey(_ secret: Int) -> AccessKeyRecord {
            AccessKeyRecord(
                id: "AKIA", account: samples.account, creationDate: samples.date(1), isActive: true,
                wrappedSecret: Samples.secret(secret)
            )
        }
        try await store.commit(Change([.insertAccessKey(accessKey(1))]))
        try await store.commit(Change([.updateAccessKey(accessKey(2))]))
        #expect(try !directory.contains(Array(Samples.secret(1).prefix(16))))
        #expect(try directory.contains(Samples.secret(2)))
        try await store.commit(Change([.deleteAccessKey(samples.account, "AKIA")]))
        #expect(try !directory.contains(Array(Samples.secret(2).prefix(16))))
        try await store.close()
    }

    /// Rows that SQLite moves between pages can leave copies behind; many keys of different sizes that come and go in
    /// no order make it move them.
    @Test(arguments: [1, 2] as [UInt64])
    func `no copy of deleted material stays behind when many keys come and go`(seed: UInt64) async throws {
        let store = try await SQLiteStore.open(in: directory.path)
        var random = Samples.Generator(seed: seed)
        var alive: Set<Int> = []
        var dead: Set<Int> = []
        for round in 0..<10 {
            let born = Array(round * 150..<round * 150 + 150)
            try await store.commit(Change(try born.flatMap(birth)))
            alive.formUnion(born)
            let doomed = alive.sorted().shuffled(using: &random).prefix(140)
            try await store.commit(Change(try doomed.map { .deleteKey(try samples.arn($0), expecting: 1) }))
            alive.subtract(doomed)
            dead.formUnion(doomed)
            let found = try Mark.found(in: directory)
            #expect(found.intersection(dead).isEmpty, "round \(round)")
            #expect(found.isSuperset(of: alive))
        }
        try await store.close()
    }

    /// A key with material that is its mark over and over, in one of five sizes.
    private func birth(_ number: Int) throws -> [Mutation] {
        let wrapped = Array(repeatElement(Mark.bytes(of: number), count: [8, 20, 100, 270, 470][number % 5]).joined())
        return [
            .insertKey(try samples.key(number)),
            .insertMaterial(try samples.material(number, of: number, wrapped: wrapped)),
        ]
    }
}

/// Twelve bytes that name a number and are not made by chance where a value ends and something else begins.
private enum Mark {
    private static let magic: [UInt8] = [0xde, 0xad, 0xfa, 0xce]

    static func bytes(of number: Int) -> [UInt8] {
        let bytes = withUnsafeBytes(of: UInt32(number).bigEndian, Array.init)
        return magic + bytes + bytes.map { ~$0 }
    }

    /// The numbers whose marks stand anywhere in the files of `directory`.
    static func found(in directory: ScratchDirectory) throws -> Set<Int> {
        var found: Set<Int> = []
        for file in try directory.files {
            let data = try Data(contentsOf: URL(filePath: "\(directory.path)/\(file)"))
            var rest = data[...]
            while let hit = rest.range(of: Data(magic)) {
                rest = data[hit.upperBound...]
                let number = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
                if rest.prefix(8).elementsEqual(bytes(of: number).dropFirst(4)) { found.insert(number) }
            }
        }
        return found
    }
}
