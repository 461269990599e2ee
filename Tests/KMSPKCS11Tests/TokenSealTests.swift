import Foundation
import KMSCrypto
import KMSModel
import TestVectors
import Testing

// In the one suite that asks SoftHSM2, because nothing else may while it does.
extension TokenSuite {
    /// Seals whose document is opened by a token.
    @Suite(.serialized)
    struct TokenSealTests {
        init() throws { try #require(SoftToken.shared != nil, "SoftHSM2 cannot be set up") }

        private static let access = access(pin: SoftToken.pin)

        private static func access(module: String = SoftToken.module, pin: String) -> TokenAccess {
            TokenAccess(module: module) { () throws(SealFailure) in
                do throws(SecretFailure) { return try SealSecret(copying: pin.utf8) } catch { throw .unavailable }
            }
        }

        private static func inDirectory(_ body: (SealDirectory) throws -> Void) throws {
            let url = FileManager.default.temporaryDirectory.appendingPathComponent("seal-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
            defer { try? FileManager.default.removeItem(at: url) }
            try body(SealDirectory(url.path))
        }

        @Test(
            arguments: try Vectors.cases(
                "chatelaine/seal-pkcs11-v1.json", ["rootKey", "tokenKey", "sealingKey", "nonce", "document"]))
        func `a token opens the document of the first version`(vector: VectorCase) throws {
            try Self.inDirectory { files in
                let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
                let document = Data(try vector.text("document").utf8)
                #expect(
                    FileManager.default.createFile(
                        atPath: files.documentPath, contents: document, attributes: attributes))
                // SoftHSM 2.6 has OAEP with SHA-1 only.
                guard vector.name != "RSA_OAEP_SHA256" else {
                    let failure = #expect(throws: SealFailure.self) {
                        try DocumentSeal(at: files.documentPath, with: .token(Self.access))
                    }
                    #expect(failure?.description.contains("C_DecryptInit") == true)
                    return
                }
                let opened = try DocumentSeal(at: files.documentPath, with: .token(Self.access)).open()
                try files.fileSeal.create(holding: opened)
                let line = "chatelaine-root-key 1 \(Base64.encode(try vector.bytes("rootKey"))) "
                #expect(try String(contentsOfFile: files.rootKeyPath, encoding: .utf8).hasPrefix(line))
            }
        }

        @Test(arguments: ["root", "rsa"])
        func `a token seals a root key, and another one after it`(label: String) throws {
            try Self.inDirectory { files in
                let first = try RootKey.random()
                let seal = try DocumentSeal.make(
                    at: files.documentPath, token: SoftToken.label, key: label, makingKey: false, access: Self.access)
                try seal.create(holding: first)
                let again = try DocumentSeal(at: files.documentPath, with: .token(Self.access))
                #expect(try again.open().isSame(as: first))
                let second = try RootKey.random()
                try again.seal(second)
                #expect(try DocumentSeal(at: files.documentPath, with: .token(Self.access)).open().isSame(as: second))
            }
        }

        @Test func `a wrong PIN, token, key or module opens nothing and touches nothing`() throws {
            try Self.inDirectory { files in
                let seal = try DocumentSeal.make(
                    at: files.documentPath, token: SoftToken.label, key: "root", makingKey: false, access: Self.access)
                try seal.create(holding: RootKey.random())
                let before = try Data(contentsOf: URL(fileURLWithPath: files.documentPath))
                for access in [
                    Self.access(pin: "000000"), Self.access(module: "/nowhere/module.so", pin: SoftToken.pin),
                ] {
                    #expect(throws: SealFailure.self) {
                        try DocumentSeal(at: files.documentPath, with: .token(access))
                    }
                }
                #expect(try Data(contentsOf: URL(fileURLWithPath: files.documentPath)) == before)
            }
            for (token, key) in [("missing", "root"), (SoftToken.label, "missing"), (SoftToken.label, "extractable")] {
                #expect(throws: SealFailure.self, "\(token), \(key)") {
                    try DocumentSeal.make(
                        at: "/nowhere/seal.json", token: token, key: key, makingKey: false, access: Self.access)
                }
            }
        }
    }
}
