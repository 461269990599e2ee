import Foundation
import KMSCrypto
import Testing

/// Moves of a root key from one seal to another.
struct SealDirectoryTests {
    @Test func `a key moves from a file to shares, and its file is gone`() throws {
        try withTemporaryDirectory { directory in
            let files = SealDirectory(directory.path)
            try files.fileSeal.create(holding: Sample.rootKey())
            let (seal, shares) = try DocumentSeal.make(at: files.documentPath, shares: 3, threshold: 2)
            try files.move(files.fileSeal.open(), to: seal)
            #expect(try contents(of: directory).keys.sorted() == ["seal.json"])
            let opened = try DocumentSeal(at: files.documentPath, with: .shares([shares[2], shares[0]])).open()
            #expect(opened.isSame(as: try Sample.rootKey()))
        }
    }

    @Test func `a key moves from shares to a file, and the document is gone`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            try seal.files.moveToFile(seal.open([1, 2, 3]))
            #expect(try contents(of: directory).keys.sorted() == ["root.key"])
            #expect(try SharedSeal.isRootKey(seal.files.fileSeal.open()))
        }
    }

    @Test func `shares that were made anew take the place of those before`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let (other, shares) = try DocumentSeal.make(at: seal.files.documentPath, shares: 2, threshold: 2)
            try seal.files.move(seal.open([1, 2, 3]), to: other)
            #expect(throws: SealFailure.wrongShares(path: seal.files.documentPath)) { try seal.open([1, 2, 3]) }
            #expect(throws: SealFailure.damaged(path: seal.files.documentPath)) { try seal.seal.open() }
            let opened = try DocumentSeal(at: seal.files.documentPath, with: .shares(shares)).open()
            #expect(try SharedSeal.isRootKey(opened))
        }
    }

    @Test func `what a move that was stopped has left counts for nothing, and goes with the next one`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            // A process that was killed after it made the document, and others while they were writing.
            try seal.files.fileSeal.create(holding: Sample.rootKey(3))
            for name in ["root.key", "seal.json"] {
                let unfinished = directory.appendingPathComponent("\(name).\(UUID().uuidString)")
                try Data("chatelaine-root-key".utf8).write(to: unfinished)
            }
            let others = directory.appendingPathComponent("root.key.backup")
            try Data("not ours".utf8).write(to: others)
            #expect(seal.files.leftovers.count == 3)
            #expect(seal.files.leftovers.allSatisfy { $0.contains("/root.key") || $0.contains("/seal.json.") })
            #expect(try seal.files.document() != nil)
            try seal.files.move(seal.open([1, 2, 3]), to: seal.seal)
            #expect(seal.files.leftovers.isEmpty)
            #expect(try contents(of: directory).keys.sorted() == ["root.key.backup", "seal.json"])
            #expect(try SharedSeal.isRootKey(seal.open([3, 4, 5])))
        }
    }

    @Test func `the bytes of a file that is no longer needed are overwritten where they stand`() throws {
        try withTemporaryDirectory { directory in
            let files = SealDirectory(directory.path)
            try files.fileSeal.create(holding: Sample.rootKey())
            // A second name for the same bytes shows what becomes of them.
            let shown = directory.appendingPathComponent("shown")
            try FileManager.default.linkItem(at: URL(fileURLWithPath: files.rootKeyPath), to: shown)
            try files.fileSeal.seal(Sample.rootKey(4))
            #expect(try Data(contentsOf: shown).allSatisfy { $0 == 0 })
            #expect(try files.fileSeal.open().isSame(as: Sample.rootKey(4)))
            try FileManager.default.removeItem(at: shown)
            try FileManager.default.linkItem(at: URL(fileURLWithPath: files.rootKeyPath), to: shown)
            let (seal, _) = try DocumentSeal.make(at: files.documentPath, shares: 2, threshold: 2)
            try files.move(files.fileSeal.open(), to: seal)
            #expect(try Data(contentsOf: shown).allSatisfy { $0 == 0 })
        }
    }

    @Test func `a file's seal keeps another key in the place of the one before, or makes its file`() throws {
        try withTemporaryDirectory { directory in
            let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
            for byte in [1, 2] as [UInt8] {
                try seal.seal(Sample.rootKey(byte))
                #expect(try seal.open().isSame(as: Sample.rootKey(byte)))
                #expect(try contents(of: directory).keys.sorted() == ["root.key"])
            }
            let attributes = try FileManager.default.attributesOfItem(atPath: directory.path + "/root.key")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func `a move that cannot be made leaves the file as it was`() throws {
        try withTemporaryDirectory { directory in
            let files = SealDirectory(directory.path)
            try files.fileSeal.create(holding: Sample.rootKey())
            try FileManager.default.createDirectory(atPath: files.documentPath, withIntermediateDirectories: false)
            let (seal, _) = try DocumentSeal.make(at: files.documentPath, shares: 2, threshold: 2)
            #expect(throws: SealFailure.self) { try files.move(files.fileSeal.open(), to: seal) }
            #expect(try files.fileSeal.open().isSame(as: Sample.rootKey()))
        }
    }
}
