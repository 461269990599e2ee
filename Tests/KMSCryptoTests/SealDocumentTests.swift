import Foundation
import KMSCrypto
import KMSModel
import Testing

/// The document as an attacker, an accident or a newer version may have left it.
struct SealDocumentTests {
    private static let passphrase = """
        {"version":1,"kind":"passphrase","parameters":{"algorithm":"argon2id","passes":3,"memoryKiB":262144,\
        "salt":"AAECAwQFBgcICQoLDA0ODw=="},"wrappedRootKey":"\(Base64.encode([UInt8](repeating: 7, count: 60)))",\
        "checksum":"00000000"}
        """

    private static func reading(_ text: String, _ body: (SealDirectory) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let files = SealDirectory(directory.path)
            try write(text, to: files.documentPath)
            try body(files)
        }
    }

    private static func write(_ text: String, to path: String) throws {
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: attributes))
    }

    @Test func `any byte that is changed is found`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let path = seal.files.documentPath
            let text = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            let version = try #require(text.firstIndex(of: UInt8(ascii: "1")))
            for index in text.indices {
                try Self.write(String(decoding: text.flipped(at: index), as: UTF8.self), to: path)
                let expected = index == version ? SealFailure.unknownVersion(path: path) : .damaged(path: path)
                #expect(throws: expected, "byte \(index)") { try seal.open([1, 2, 3]) }
            }
            for length in [0, 1, text.count / 2, text.count - 1] {
                try Self.write(String(decoding: text.prefix(length), as: UTF8.self), to: path)
                #expect(throws: SealFailure.damaged(path: path), "\(length) bytes") { try seal.open([1, 2, 3]) }
            }
        }
    }

    /// Whoever edits it can compute the checksum again, but cannot make the root key open.
    @Test func `what the root key is bound to cannot be edited, whatever the checksum says`() throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let path = seal.files.documentPath
            let edited = try String(contentsOfFile: path, encoding: .utf8).replacing(
                "\"shares\":5", with: "\"shares\":6")
            let correct = try #require(Self.withRightChecksum(edited))
            try Self.write(correct, to: path)
            #expect(throws: Never.self) { try SealDocument(at: path) }
            #expect(throws: SealFailure.wrongShares(path: path)) { try seal.open([1, 2, 3]) }
            #expect(throws: SealFailure.damaged(path: path)) { try seal.seal.open() }
        }
    }

    /// The checksum of a document of shares, as `docs/formats.md` has it.
    private static func withRightChecksum(_ text: String) -> String? {
        guard case .object(let object)? = try? JSONParser.parse(Array(text.utf8)),
            let parameters = object.object("parameters"), let set = parameters.text("set").flatMap({ Hex.decode($0) }),
            let count = parameters.number("shares"), let threshold = parameters.number("threshold"),
            let wrapped = object.text("wrappedRootKey").flatMap({ Base64.decode($0) }),
            let old = object.text("checksum")
        else { return nil }
        func field(_ bytes: [UInt8]) -> [UInt8] { [0, 0, 0, UInt8(bytes.count)] + bytes }
        let bound =
            field(Array("chatelaine seal".utf8)) + field([1]) + field(Array("shares".utf8)) + field(set)
            + field([UInt8(count), UInt8(threshold)]) + field(wrapped)
        return text.replacing(old, with: Hex.encode(Array(Digest.sha256(bound).prefix(4))))
    }

    static let garbled: [String: (String, String)] = [
        "another kind": ("\"kind\":\"passphrase\"", "\"kind\":\"password\""),
        "the kind that has no document": ("\"kind\":\"passphrase\"", "\"kind\":\"file\""),
        "another algorithm": ("argon2id", "argon2i"),
        "two passes": ("\"passes\":3", "\"passes\":2"),
        "as many passes as would take a day": ("\"passes\":3", "\"passes\":4294967295"),
        "a pass more than is taken": ("\"passes\":3", "\"passes\":17"),
        "a number with a fraction": ("\"passes\":3", "\"passes\":3.0"),
        "a number as a text": ("\"passes\":3", "\"passes\":\"3\""),
        "too little memory": ("262144", "8192"),
        "a KiB more than is taken": ("262144", "1048577"),
        "more memory than a machine has": ("262144", "4294967295"),
        "a number that no machine holds": ("262144", "99999999999999999999"),
        "a short salt": ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0O"),
        "no salt": (",\"salt\":\"AAECAwQFBgcICQoLDA0ODw==\"", ""),
        "a member more": ("\"kind\"", "\"more\":1,\"kind\""),
        "a member twice": ("\"kind\"", "\"kind\":\"passphrase\",\"kind\""),
        "white space": ("{\"version\"", "{ \"version\""),
        "another order": ("\"passes\":3,\"memoryKiB\":262144", "\"memoryKiB\":262144,\"passes\":3"),
        "a list": ("{\"version\"", "[{\"version\""),
        "an escape": ("argon2id", "argon2i\\u0064"),
        "no version": ("\"version\":1,", ""),
        "a short root key": (Base64.encode([UInt8](repeating: 7, count: 60)), "AAAA"),
    ]

    @Test(arguments: garbled.keys.sorted())
    func `what this program does not write is damaged`(name: String) throws {
        let (old, new) = try #require(Self.garbled[name])
        let text = Self.passphrase.replacing(old, with: new)
        try #require(text != Self.passphrase)
        try Self.reading(text + "\n") { files in
            #expect(throws: SealFailure.damaged(path: files.documentPath)) { try files.document() }
        }
    }

    @Test func `a document that is too long is not read`() throws {
        try Self.reading(String(repeating: " ", count: 8193)) { files in
            #expect(throws: SealFailure.damaged(path: files.documentPath)) { try files.document() }
        }
    }

    @Test(arguments: ["0", "2", "10", "1.0", "-1"])
    func `another version is refused as such, whatever follows it`(version: String) throws {
        for rest in [",\"kind\":\"moon phase\"", ""] {
            try Self.reading("{\"version\":\(version)\(rest)}\n") { files in
                #expect(throws: SealFailure.unknownVersion(path: files.documentPath)) { try files.document() }
            }
        }
    }

    @Test(arguments: [0o644, 0o640, 0o602, 0o601])
    func `a document that others may use is refused`(mode: Int) throws {
        try withTemporaryDirectory { directory in
            let seal = try SharedSeal(in: directory)
            let path = seal.files.documentPath
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            #expect(throws: SealFailure.exposed(path: path)) { try seal.open([1, 2, 3]) }
        }
    }

    @Test func `a directory, and a link to nothing, are no document, but there is something`() throws {
        try withTemporaryDirectory { directory in
            let files = SealDirectory(directory.path)
            #expect(try files.document() == nil)
            #expect(!files.isSealed)
            try FileManager.default.createSymbolicLink(atPath: files.documentPath, withDestinationPath: "/nowhere")
            #expect(files.isSealed)
            #expect(throws: SealFailure.symbolicLink(path: files.documentPath)) { try files.document() }
            try FileManager.default.removeItem(atPath: files.documentPath)
            try FileManager.default.createDirectory(atPath: files.documentPath, withIntermediateDirectories: false)
            #expect(throws: SealFailure.notAFile(path: files.documentPath)) { try files.document() }
        }
    }
}
