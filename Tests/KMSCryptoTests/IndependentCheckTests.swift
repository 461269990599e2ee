import Foundation
import TestVectors
import Testing

/// The vectors' own check, which shares no code with what it checks.
struct IndependentCheckTests {
    private static let isContinuousBuild = ProcessInfo.processInfo.environment["CI"] == "true"
    private static let skipped: Comment = "skipped: python3 with cryptography is not on this machine"
    /// A Python that has the package `cryptography`: the project's own, or one on the search path.
    private static let python: String? = {
        let root = Vectors.directory.deletingLastPathComponent().deletingLastPathComponent()
        let searched = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
        return ([root.appendingPathComponent(".venv/bin").path] + searched).map { "\($0)/python3" }
            .filter(FileManager.default.isExecutableFile(atPath:))
            .first { (try? run($0, ["-c", "import cryptography"]))?.exitCode == 0 }
    }()

    @Test(.enabled(if: isContinuousBuild || python != nil, skipped), .timeLimit(.minutes(1)))
    func `Python derives, builds and opens every vector`() throws {
        let python = try #require(Self.python, "a continuous build has python3 with cryptography")
        let script = Vectors.directory.appendingPathComponent("chatelaine/check.py").path
        let result = try Self.run(python, ["-B", script])
        #expect(result.exitCode == 0, "\(result.output)")
        #expect(result.output.hasSuffix(" vectors hold\n"), "\(result.output)")
    }

    @Test(
        .enabled(if: isContinuousBuild || python != nil, skipped), .timeLimit(.minutes(1)),
        arguments: [
            "root-key-v1.json", "domain-keys-v1.json", "wrapped-material-v1.json", "wrapped-secret-v1.json",
            "ciphertext-v1.json", "import-v1.json", "seal-passphrase-v1.json", "seal-pkcs11-v1.json",
            "seal-shares-v1.json", "audit-chain-v1.json", "audit-node-v1.json",
        ]
    )
    func `Python notices one changed digit`(file: String) throws {
        let python = try #require(Self.python, "a continuous build has python3 with cryptography")
        try withTemporaryDirectory { directory in
            let copy = directory.appendingPathComponent("chatelaine")
            try FileManager.default.copyItem(at: Vectors.directory.appendingPathComponent("chatelaine"), to: copy)
            let changed = copy.appendingPathComponent(file)
            var text = Array(try Data(contentsOf: changed))
            // The last digit of the last member of the last case.
            let end = try #require(
                text.lastIndex(of: UInt8(ascii: "}")).map { text[..<$0].lastIndex(of: UInt8(ascii: "}")) })
            let digit = try #require(end) - 2
            text[digit] = text[digit] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            try Data(text).write(to: changed)
            let result = try Self.run(python, ["-B", copy.appendingPathComponent("check.py").path])
            #expect(result.exitCode != 0)
        }
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> (exitCode: Int32, output: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
