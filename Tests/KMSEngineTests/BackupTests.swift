import Foundation
import Glibc
import KMSCrypto
import KMSEngine
import Testing

/// A backup is read as it was written, or not at all.
struct BackupTests {
    private let directory: URL
    private let rootKey: RootKey
    private let contents: [(name: String, bytes: [UInt8])]

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("backup-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory.appendingPathComponent("data/audit"), withIntermediateDirectories: true)
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        try seal.create()
        rootKey = try seal.open()
        // Around the length of a piece: what ends with one, and what goes over it.
        let lengths = [0, 1, BackupCipher.pieceByteCount - 45, BackupCipher.pieceByteCount, 200_000]
        contents = lengths.enumerated().map { place, length in
            (place == 0 ? "chatelaine.sqlite" : "audit/audit-\(place).jsonl", (0..<length).map { UInt8($0 % 251) })
        }
    }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    private func header(seal: [UInt8]? = nil) throws -> BackupHeader {
        BackupHeader(
            date: Date(timeIntervalSince1970: 1_767_323_045), salt: try BackupCipher.makeSalt(),
            check: BackupCipher.check(of: rootKey), seal: seal)
    }

    private func write(_ contents: [(name: String, bytes: [UInt8])], to name: String) throws {
        let writer = try BackupWriter(to: path(name), header(), rootKey: rootKey)
        for (place, content) in contents.enumerated() {
            let file = path("source-\(name)-\(place)")
            #expect(FileManager.default.createFile(atPath: file, contents: Data(content.bytes)))
            let descriptor = open(file, O_RDONLY)
            defer { close(descriptor) }
            try writer.add(content.name, from: descriptor) { _ in }
        }
        try writer.finish()
    }

    private func restore(_ name: String, to target: String, with key: RootKey? = nil) throws {
        try FileManager.default.createDirectory(
            at: directory.appendingPathComponent("\(target)/audit"), withIntermediateDirectories: true)
        try BackupReader(path(name)).restore(
            into: path(target), rootKey: key ?? rootKey, admits: BackupSource.admits
        ) { _ in }
    }

    @Test func `what was written is restored`() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        try write(contents, to: "backup")
        try restore("backup", to: "restored")
        for content in contents {
            let restored = FileManager.default.contents(atPath: path("restored/\(content.name)"))
            #expect(restored.map { Array($0) } == content.bytes, "\(content.name)")
        }
    }

    @Test func `every piece is bound to its place, its end and the header`() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        try write(contents, to: "backup")
        let whole = Array(try #require(FileManager.default.contents(atPath: path("backup"))))
        let start = try #require(BackupHeader.read(whole)).count
        let size = BackupCipher.pieceByteCount + BackupCipher.overhead
        let (first, second) = (whole[start..<start + size], whole[start + size..<start + 2 * size])
        let head = whole[..<start]
        let rest = whole[(start + 2 * size)...]
        let edits: [String: [UInt8]] = [
            "swapped": Array(head + second + first + rest), "left out": Array(head + second + rest),
            "twice": Array(head + first + first + second + rest), "cut after a piece": Array(head + first),
            "cut in a piece": Array(whole.dropLast()), "longer": whole + [0], "empty": Array(head),
        ]
        for (name, edited) in edits {
            #expect(FileManager.default.createFile(atPath: path(name), contents: Data(edited)))
            #expect(throws: BackupFailure.damaged, "\(name)") { try restore(name, to: "of \(name)") }
        }
        for place in stride(from: start, to: whole.count, by: 4099) {
            var edited = whole
            edited[place] ^= 0x10
            #expect(FileManager.default.createFile(atPath: path("edited"), contents: Data(edited)))
            #expect(throws: BackupFailure.damaged, "byte \(place)") { try restore("edited", to: "of byte \(place)") }
        }
    }

    @Test func `another root key and another file are told apart`() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        try write(contents, to: "backup")
        let other = FileSeal(path: path("other.key"))
        try other.create()
        #expect(throws: BackupFailure.wrongRootKey) { try restore("backup", to: "wrong", with: other.open()) }
        #expect(FileManager.default.createFile(atPath: path("text"), contents: Data("chatelaine-backup 9\n{}\n".utf8)))
        #expect(throws: BackupFailure.notABackup) { try restore("text", to: "text-restored") }
    }

    @Test(arguments: [
        "../root.key", "audit/../x.jsonl", "/etc/passwd", "audit/A.jsonl", "audit/a.txt", "seal.json", "root.key", "",
        "audit/sub/a.jsonl",
    ])
    func `a name that no backup has is refused`(name: String) throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        #expect(!BackupSource.admits(name))
        try write([(name, [1, 2, 3])], to: "backup")
        #expect(throws: BackupFailure.damaged) { try restore("backup", to: "restored") }
    }

    @Test func `a header is read as it was written, and nothing else is`() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        let header = try header(seal: Array("{}\n".utf8))
        let bytes = header.bytes
        let read = try #require(BackupHeader.read(bytes + [1, 2, 3]))
        #expect(read.header == header)
        #expect(read.count == bytes.count)
        for count in 0..<bytes.count { #expect(BackupHeader.read(Array(bytes[..<count])) == nil) }
        let spaced = String(decoding: bytes, as: UTF8.self).replacing("\":\"", with: "\": \"")
        #expect(BackupHeader.read(Array(spaced.utf8)) == nil)
    }
}
