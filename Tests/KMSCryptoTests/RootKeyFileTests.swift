import Foundation
import KMSCrypto
import KMSModel
import Testing

struct RootKeyFileTests {
    /// The file of the root key whose bytes are 0 to 31.
    static let line = "chatelaine-root-key 1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= 630dcd29\n"

    // MARK: Making

    @Test func `a new file has the documented line and is for its owner only`() throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("root.key").path
            let seal = FileSeal(path: path)
            #expect(!seal.exists)
            try seal.create(from: PreparedRandomness(Array(0..<32)))
            #expect(seal.exists)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == Self.line)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try Self.names(in: directory) == ["root.key"])
        }
    }

    @Test func `the system's randomness makes another key each time`() throws {
        try withTemporaryDirectory { directory in
            let paths = ["one", "two"].map { directory.appendingPathComponent($0).path }
            for path in paths { try FileSeal(path: path).create() }
            let marks = try paths.map { try Keyring(rootKey: FileSeal(path: $0).open(), capacity: 1).makeCheck() }
            #expect(marks[0] != marks[1])
        }
    }

    @Test func `an existing file is never touched`() throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("root.key").path
            try Self.write("anything", to: path, mode: 0o644)
            #expect(throws: SealFailure.alreadyExists(path: path)) { try FileSeal(path: path).create() }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "anything")
            #expect(try Self.names(in: directory) == ["root.key"])
        }
    }

    @Test func `a symbolic link is not followed to make a file`() throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("root.key").path
            let target = directory.appendingPathComponent("elsewhere").path
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
            #expect(throws: SealFailure.alreadyExists(path: path)) { try FileSeal(path: path).create() }
            #expect(!FileManager.default.fileExists(atPath: target))
        }
    }

    @Test func `without random bytes there is no file`() throws {
        try withTemporaryDirectory { directory in
            let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
            #expect(throws: SealFailure.unavailable) { try seal.create(from: FailingRandomness()) }
            let names = try Self.names(in: directory)
            #expect(names.isEmpty)
        }
    }

    @Test func `of many who make the file at once one does`() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("crypto-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        let made = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 { group.addTask { (try? seal.create()) != nil } }
            return await group.reduce(into: 0) { count, isMade in count += isMade ? 1 : 0 }
        }
        #expect(made == 1)
        #expect(throws: Never.self) { try seal.open() }
        #expect(try Self.names(in: directory) == ["root.key"])
    }

    @Test func `a directory that is not there is reported with the path`() throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("missing/root.key").path
            #expect {
                try FileSeal(path: path).create()
            } throws: { error in
                guard case SealFailure.system("create", path, _) = error else { return false }
                return true
            }
        }
    }

    // MARK: Opening

    @Test func `a file that was written gives the same key again`() throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("root.key").path
            try Self.write(Self.line, to: path, mode: 0o600)
            let other = directory.appendingPathComponent("other.key").path
            try FileSeal(path: other).create(from: PreparedRandomness(Array(0..<32)))
            let written = try Keyring(rootKey: FileSeal(path: path).open(), capacity: 1)
            let created = try Keyring(rootKey: FileSeal(path: other).open(), capacity: 1)
            #expect(written.matches(check: created.makeCheck()))
        }
    }

    @Test(arguments: [0o400, 0o600, 0o700])
    func `a mode that is the owner's alone is accepted`(mode: Int) throws {
        try Self.opening(Self.line, mode: mode) { seal, _ in #expect(throws: Never.self) { try seal.open() } }
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o777])
    func `a file that others may use is refused`(mode: Int) throws {
        try Self.opening(Self.line, mode: mode) { seal, path in
            #expect(throws: SealFailure.exposed(path: path)) { try seal.open() }
        }
    }

    @Test func `a missing file is reported as missing`() throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("root.key").path
            #expect(throws: SealFailure.missing(path: path)) { try FileSeal(path: path).open() }
        }
    }

    @Test func `a directory, a pipe and a device are not root keys, and nothing waits for them`() throws {
        try withTemporaryDirectory { directory in
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: directory.path)
            let pipe = directory.appendingPathComponent("pipe").path
            #expect(mkfifo(pipe, 0o600) == 0)
            for path in [directory.path, pipe, "/dev/null"] {
                #expect(throws: SealFailure.notAFile(path: path)) { try FileSeal(path: path).open() }
            }
        }
    }

    @Test func `a symbolic link is refused, also one to a whole root key`() throws {
        try withTemporaryDirectory { directory in
            let target = directory.appendingPathComponent("elsewhere").path
            let path = directory.appendingPathComponent("root.key").path
            try Self.write(Self.line, to: target, mode: 0o600)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
            #expect(throws: SealFailure.symbolicLink(path: path)) { try FileSeal(path: path).open() }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func `a file of another user is refused`() throws {
        try Self.opening(Self.line, mode: 0o600) { seal, path in
            #expect(chown(path, 65_534, 65_534) == 0)
            #expect(throws: SealFailure.ownedByAnother(path: path)) { try seal.open() }
        }
    }

    @Test func `a file that is cut short anywhere is damaged`() throws {
        for length in 0..<Self.line.utf8.count {
            try Self.opening(String(Self.line.prefix(length)), mode: 0o600) { seal, path in
                #expect(throws: SealFailure.damaged(path: path), "\(length) bytes") { try seal.open() }
            }
        }
    }

    @Test func `a file with any one character changed is refused`() throws {
        // The field is what is between the first two spaces, so a change of the second one is in the version.
        let version = "chatelaine-root-key ".utf8.count...("chatelaine-root-key 1".utf8.count)
        for index in 0..<Self.line.utf8.count {
            let bytes = Array(Self.line.utf8).flipped(at: index)
            try Self.opening(String(decoding: bytes, as: UTF8.self), mode: 0o600) { seal, path in
                let expected = version.contains(index) ? SealFailure.unknownVersion(path: path) : .damaged(path: path)
                #expect(throws: expected, "character \(index)") { try seal.open() }
            }
        }
    }

    static let damaged = [
        "nothing": "",
        "only a line feed": "\n",
        "white space before it": " " + line,
        "an empty line behind it": line + "\n",
        "a second line": line + line,
        "a carriage return": line.replacing("\n", with: "\r\n"),
        "two spaces": line.replacing("1 A", with: "1  A"),
        "a tab": line.replacing("key 1", with: "key\t1"),
        "one more field": line.replacing("\n", with: " more\n"),
        "a space at the end": line.replacing("\n", with: " \n"),
        "no checksum": line.replacing(" 630dcd29", with: ""),
        "an empty checksum": line.replacing("630dcd29", with: ""),
        "the checksum of another key": line.replacing("630dcd29", with: "630dcd2a"),
        "a checksum in upper case": line.replacing("630dcd29", with: "630DCD29"),
        "a longer checksum": line.replacing("630dcd29", with: "630dcd29" + "66c4"),
        "31 bytes": "chatelaine-root-key 1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg== 4f23c2ca\n",
        "33 bytes": "chatelaine-root-key 1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g 5d8fcfef\n",
        "no key": "chatelaine-root-key 1  e3b0c442\n",
        "base64 without padding": line.replacing("Hh8= ", with: "Hh8 "),
        "base64 for file names": line.replacing("AAEC", with: "A-EC"),
        "unused bits in base64": line.replacing("Hh8=", with: "Hh9="),
        "hex instead of base64": line.replacing(
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            with: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        ),
        "another label": line.replacing("root-key", with: "rootkey"),
        "a zero byte": line.replacing("key 1", with: "key\01"),
        "letters outside ASCII": String(repeating: "\u{FF}", count: 40) + "\n",
        "more than a file may have": line + String(repeating: "x", count: 1024),
        "as much as a file may have": String(repeating: " ", count: 1023) + "\n",
    ]

    @Test(arguments: damaged.keys.sorted())
    func `a garbled file is damaged`(name: String) throws {
        let text = try #require(Self.damaged[name])
        try #require(text != Self.line)
        try Self.opening(text, mode: 0o600) { seal, path in
            #expect(throws: SealFailure.damaged(path: path)) { try seal.open() }
        }
    }

    @Test(arguments: ["2", "0", "10", "01", "1.0", "", "one"])
    func `another version is refused as such, whatever follows it`(version: String) throws {
        for rest in [" AAEC 00000000", "", " a b c d"] {
            try Self.opening("chatelaine-root-key \(version)\(rest)\n", mode: 0o600) { seal, path in
                #expect(throws: SealFailure.unknownVersion(path: path)) { try seal.open() }
            }
        }
    }

    @Test func `no failure shows what is in the file`() throws {
        let failures: [SealFailure] = [
            .missing(path: "/p"), .alreadyExists(path: "/p"), .exposed(path: "/p"), .damaged(path: "/p"),
            .notAFile(path: "/p"), .ownedByAnother(path: "/p"), .unknownVersion(path: "/p"),
            .system(attempt: "read", path: "/p", reason: "why"),
        ]
        for failure in failures { #expect(failure.description.contains("/p")) }
        try Self.opening(Self.line.replacing("630d", with: "630e"), mode: 0o600) { seal, _ in
            let failure = #expect(throws: SealFailure.self) { try seal.open() }
            #expect(failure?.description.contains("AAEC") == false)
        }
    }

    // MARK: Files

    private static func opening(_ text: String, mode: Int, _ body: (FileSeal, String) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("root.key").path
            try write(text, to: path, mode: mode)
            try body(FileSeal(path: path), path)
        }
    }

    private static func names(in directory: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    }

    private static func write(_ text: String, to path: String, mode: Int) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }
}
