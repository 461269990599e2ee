import Foundation
import KMSModel
import TestVectors
import Testing

/// SoftHSM2 with tokens of its own, set up once for all tests.
struct SoftToken {
    static let pin = "123456"
    static let label = "chatelaine"
    /// Where Debian has the module.
    static let module = "/usr/lib/softhsm/libsofthsm2.so"

    static let isHere =
        FileManager.default.fileExists(atPath: module) && path(of: "softhsm2-util") != nil
        && path(of: "pkcs11-tool") != nil
    static let isContinuousBuild = ProcessInfo.processInfo.environment["CI"] == "true"

    /// A token with keys of all kinds; nil when it could not be set up.
    static let shared = try? SoftToken()

    let directory: URL

    private init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)")
        let tokens = directory.appendingPathComponent("tokens")
        try FileManager.default.createDirectory(at: tokens, withIntermediateDirectories: true)
        let configuration = directory.appendingPathComponent("softhsm2.conf")
        try Data("directories.tokendir = \(tokens.path)\nobjectstore.backend = file\nlog.level = ERROR\n".utf8)
            .write(to: configuration)
        setenv("SOFTHSM2_CONF", configuration.path, 1)
        atexit { SoftToken.shared.map { try? FileManager.default.removeItem(at: $0.directory) } }
        for label in [Self.label, "twin", "twin"] {
            try run(
                "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", Self.pin)
        }
        try importPinnedKeys()
        for (label, arguments) in [
            ("extractable", ["--key-type", "AES:32", "--extractable", "--sensitive"]),
            ("legible", ["--key-type", "AES:32"]), ("short", ["--key-type", "AES:16", "--sensitive"]),
            ("double", ["--key-type", "AES:32", "--sensitive"]), ("double", ["--key-type", "AES:32", "--sensitive"]),
        ] { try tool(["--keygen", "--label", label] + arguments) }
        try tool(["--keypairgen", "--label", "rsa", "--key-type", "rsa:2048"])
        try tool(["--keypairgen", "--label", "small-rsa", "--key-type", "rsa:1024"])
    }

    private func importPinnedKeys() throws {
        let vectors = try Vectors.cases(
            "chatelaine/seal-pkcs11-v1.json", ["rootKey", "tokenKey", "sealingKey", "nonce", "document"])
        let aes = try #require(vectors.first { $0.name.hasPrefix("AES") }).bytes("tokenKey")
        let rsa = try #require(vectors.first { $0.name.hasPrefix("RSA") }).bytes("tokenKey")
        let file = directory.appendingPathComponent("key")
        try Data(aes).write(to: file)
        let access = ["--token", Self.label, "--pin", Self.pin]
        try run("softhsm2-util", ["--import", file.path, "--aes", "--label", "root", "--id", "01"] + access)
        let lines = Base64.encode(rsa).split(every: 64).joined(separator: "\n")
        try Data("-----BEGIN PRIVATE KEY-----\n\(lines)\n-----END PRIVATE KEY-----\n".utf8).write(to: file)
        try run("softhsm2-util", ["--import", file.path, "--label", "root-rsa", "--id", "02"] + access)
    }

    private func tool(_ arguments: [String]) throws {
        try run(
            "pkcs11-tool",
            ["--module", Self.module, "--token-label", Self.label, "--login", "--pin", Self.pin] + arguments)
    }

    private func run(_ program: String, _ arguments: String...) throws { try run(program, arguments) }

    private func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.path(of: program)))
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(program) \(arguments)")
    }

    private static func path(of program: String) -> String? {
        let searched = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
        return searched.map { "\($0)/\(program)" }.first(where: FileManager.default.isExecutableFile(atPath:))
    }
}

extension String {
    fileprivate func split(every count: Int) -> [Substring] {
        var (parts, rest): ([Substring], Substring) = ([], self[...])
        while !rest.isEmpty {
            parts.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return parts
    }
}
