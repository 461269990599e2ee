import Foundation
import KMSCrypto
import KMSModel
import TestVectors
import Testing

/// Seals of the first version open for ever, and are written as the documentation of the formats says.
struct PinnedSealTests {
    private static func opening(_ vector: VectorCase, _ body: (SealDirectory) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let files = SealDirectory(directory.path)
            let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
            let document = Data(try vector.text("document").utf8)
            #expect(
                FileManager.default.createFile(atPath: files.documentPath, contents: document, attributes: attributes))
            try body(files)
        }
    }

    @Test(
        arguments: try Vectors.cases(
            "chatelaine/seal-passphrase-v1.json", ["rootKey", "passphrase", "salt", "nonce", "document"]))
    func `a passphrase opens its document`(vector: VectorCase) throws {
        try Self.opening(vector) { files in
            let passphrase = try SealSecret(copying: vector.bytes("passphrase"))
            let opened = try DocumentSeal(at: files.documentPath, with: .passphrase(passphrase)).open()
            #expect(opened.isSame(as: try Sample.rootKey(bytes: vector.bytes("rootKey"))))
        }
    }

    @Test func `a new document of a passphrase is as it was`() throws {
        let vectors = try Vectors.cases(
            "chatelaine/seal-passphrase-v1.json", ["rootKey", "passphrase", "salt", "nonce", "document"])
        let vector = try #require(vectors.first { $0.name == "what new documents have" })
        try withTemporaryDirectory { directory in
            let path = SealDirectory(directory.path).documentPath
            let randomness = PreparedRandomness(try vector.bytes("salt") + vector.bytes("nonce"))
            try DocumentSeal.make(
                at: path, passphrase: SealSecret(copying: vector.bytes("passphrase")), randomness: randomness
            ).create(holding: Sample.rootKey(bytes: vector.bytes("rootKey")))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == vector.text("document"))
        }
    }

    private static func shares() throws -> [VectorCase] {
        try Vectors.cases(
            "chatelaine/seal-shares-v1.json", ["rootKey", "coefficients", "set", "nonce", "document", "shares"])
    }

    @Test(arguments: try shares())
    func `shares open their document`(vector: VectorCase) throws {
        let shares = try vector.text("shares").split(separator: " ").map { try KeyShare(SealSecret(String($0))) }
        let threshold = try vector.text("coefficients").split(separator: " ").count
        try Self.opening(vector) { files in
            for needed in [shares.prefix(threshold), shares.suffix(threshold)] {
                let opened = try DocumentSeal(at: files.documentPath, with: .shares(Array(needed))).open()
                #expect(opened.isSame(as: try Sample.rootKey(bytes: vector.bytes("rootKey"))))
            }
        }
    }

    @Test(arguments: try shares())
    func `a new document of shares, and the shares, are as they were`(vector: VectorCase) throws {
        let coefficients = try vector.text("coefficients").split(separator: " ").map {
            try #require(Hex.decode(String($0)))
        }
        let shares = try vector.text("shares").split(separator: " ").map(String.init)
        let random =
            try coefficients[0] + vector.bytes("set") + coefficients.dropFirst().joined() + vector.bytes("nonce")
        try withTemporaryDirectory { directory in
            let path = SealDirectory(directory.path).documentPath
            let made = try DocumentSeal.make(
                at: path, shares: shares.count, threshold: coefficients.count, randomness: PreparedRandomness(random))
            try made.seal.create(holding: Sample.rootKey(bytes: vector.bytes("rootKey")))
            #expect(made.shares.map(\.text) == shares)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == vector.text("document"))
        }
    }

    @Test(
        arguments: try Vectors.cases(
            "chatelaine/seal-pkcs11-v1.json", ["rootKey", "tokenKey", "sealingKey", "nonce", "document"]))
    func `the document of a token is read`(vector: VectorCase) throws {
        try Self.opening(vector) { files in
            guard case .token(let token)? = try files.document()?.parameters else {
                Issue.record("it is not that of a token")
                return
            }
            #expect(token.mechanism == vector.name)
            #expect(token.token == "chatelaine")
            #expect(token.key == (vector.name.hasPrefix("AES") ? "root" : "root-rsa"))
        }
    }
}
