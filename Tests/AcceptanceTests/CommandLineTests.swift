import Foundation
import Testing

extension AcceptanceTests {
    /// The AWS CLI, as a person uses it at a prompt.
    @Suite(.serialized)
    struct CommandLineTests {
        @Test(.needs(.aws), .timeLimit(.minutes(10)))
        func `a key is made, named, listed and described`() async throws {
            try await withAWS { aws in
                let made = try await aws(
                    "create-key", "--description", "At the prompt", "--tags", "TagKey=a,TagValue=b"
                )
                let metadata = try #require(made["KeyMetadata"] as? [String: Any])
                let key = try #require(metadata["KeyId"] as? String)
                let arn = try #require(metadata["Arn"] as? String)
                #expect(metadata["Description"] as? String == "At the prompt")
                try await aws("create-alias", "--alias-name", "alias/mydemotestkey", "--target-key-id", key)
                let listed = try #require(try await aws("list-keys")["Keys"] as? [[String: String]])
                #expect(listed == [["KeyId": key, "KeyArn": arn]])
                let aliases = try #require(try await aws("list-aliases")["Aliases"] as? [[String: Any]])
                // AWS's own names are listed before there are keys behind them.
                #expect(aliases.compactMap { $0["TargetKeyId"] as? String } == [key])
                let aliasARN = "arn:aws:kms:\(RunningServer.region):\(RunningServer.account):alias/mydemotestkey"
                for identifier in [key, arn, "alias/mydemotestkey", aliasARN] {
                    let described = try await aws("describe-key", "--key-id", identifier)
                    #expect((described["KeyMetadata"] as? [String: Any])?["Arn"] as? String == arn)
                }
                let refusal = try await aws.refused("describe-key", "--key-id", "alias/nothing")
                #expect(refusal.contains("(NotFoundException)"), "\(refusal)")
            }
        }

        @Test(.needs(.aws), .timeLimit(.minutes(10)), arguments: [1, 4096])
        func `what was encrypted is decrypted`(byteCount: Int) async throws {
            try await withAWS { aws in
                let key = try await aws.makeKey()
                let other = try await aws.makeKey()
                let plaintext = Data((0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 7) })
                let input = try aws.file("plaintext", plaintext)
                for context in [[], ["--encryption-context", "purpose=test,owner=someone"]] {
                    let encrypted = try await aws(["encrypt", "--key-id", key, "--plaintext", input] + context)
                    let blob = try aws.file("ciphertext", bytes(encrypted["CiphertextBlob"]))
                    let decrypted = try await aws(["decrypt", "--ciphertext-blob", blob] + context)
                    #expect(try bytes(decrypted["Plaintext"]) == plaintext)
                    let source = context.map { $0 == "--encryption-context" ? "--source-encryption-context" : $0 }
                    let moved = try await aws(
                        ["re-encrypt", "--ciphertext-blob", blob, "--destination-key-id", other] + source
                    )
                    let second = try aws.file("moved", bytes(moved["CiphertextBlob"]))
                    let reopened = try await aws("decrypt", "--ciphertext-blob", second, "--key-id", other)
                    #expect(try bytes(reopened["Plaintext"]) == plaintext)
                    guard !context.isEmpty else { continue }
                    let refusal = try await aws.refused("decrypt", "--ciphertext-blob", blob)
                    #expect(refusal.contains("(InvalidCiphertextException)"), "\(refusal)")
                }
            }
        }

        @Test(.needs(.aws), .timeLimit(.minutes(10)))
        func `a data key kept beside the data opens it after a restart`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            let made = try await withAWS(directory) { aws in
                let key = try await aws.makeKey()
                let pair = try await aws("generate-data-key", "--key-id", key, "--key-spec", "AES_256")
                let hidden = try await aws(
                    "generate-data-key-without-plaintext", "--key-id", key, "--number-of-bytes", "64"
                )
                #expect(hidden["Plaintext"] == nil)
                _ = try aws.file("later", bytes(hidden["CiphertextBlob"]))
                _ = try aws.file("kept", bytes(pair["CiphertextBlob"]))
                return try bytes(pair["Plaintext"])
            }
            #expect(made.count == 32)
            try await withAWS(directory) { aws in
                let opened = try await aws("decrypt", "--ciphertext-blob", aws.reference("kept"))
                #expect(try bytes(opened["Plaintext"]) == made)
                let later = try await aws("decrypt", "--ciphertext-blob", aws.reference("later"))
                #expect(try bytes(later["Plaintext"]).count == 64)
            }
        }

        /// Lends a prompt to a server on the data in `directory`, or on none.
        private func withAWS<Result: Sendable>(
            _ directory: TemporaryDirectory? = nil, _ body: (AWSPrompt) async throws -> Result
        ) async throws -> Result {
            let path = try #require(Tool.aws.path, Tool.aws.need)
            let own = try directory ?? TemporaryDirectory()
            defer { if directory == nil { own.remove() } }
            return try await RunningServer.use(dataDirectory: own.file("data")) { server in
                try await body(AWSPrompt(path: path, server: server, directory: own))
            }
        }

        private func bytes(_ value: Any?) throws -> Data {
            let text = try #require(value as? String)
            return try #require(Data(base64Encoded: text))
        }
    }
}

/// `aws kms ...`, with answers as JSON.
struct AWSPrompt {
    private let program: ExternalProgram
    private let directory: TemporaryDirectory

    init(path: String, server: RunningServer, directory: TemporaryDirectory) {
        program = ExternalProgram(path: path, environment: server.clientEnvironment)
        self.directory = directory
    }

    @discardableResult
    func callAsFunction(_ arguments: String...) async throws -> [String: Any] { try await self(arguments) }

    /// Runs a command that must succeed; one that prints nothing answers with nothing.
    @discardableResult
    func callAsFunction(_ arguments: [String]) async throws -> [String: Any] {
        let result = try await program.succeed(["kms"] + arguments + ["--output", "json"])
        guard !result.standardOutput.isEmpty else { return [:] }
        let answer = try JSONSerialization.jsonObject(with: Data(result.standardOutput.utf8))
        return try #require(answer as? [String: Any], "\(result.transcript)")
    }

    /// Runs a command that must fail, and tells what it said.
    func refused(_ arguments: String...) async throws -> String {
        let result = try await program.run(["kms"] + arguments)
        #expect(result.exitCode != 0, "\(result.transcript)")
        return result.standardError
    }

    func makeKey() async throws -> String {
        let metadata = try await self("create-key")["KeyMetadata"] as? [String: Any]
        return try #require(metadata?["KeyId"] as? String)
    }

    /// Writes a file, and names it as the CLI wants raw bytes to be named.
    func file(_ name: String, _ content: Data) throws -> String {
        try content.write(to: directory.file(name))
        return reference(name)
    }

    func reference(_ name: String) -> String { "fileb://\(directory.file(name).path)" }
}
