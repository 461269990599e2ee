import Foundation
import Testing

extension AcceptanceTests {
    /// Scripts that talk to a server as AWS's own SDK for Python does, or as no SDK would.
    @Suite(.serialized)
    struct ScriptTests {
        static let scripts = [
            "aliases", "answers", "audit", "audit_chain", "audit_tampering", "backup", "bad_input", "bounded",
            "commands", "data_key_pairs", "data_keys", "deletion", "deployment", "disk_full", "durability",
            "encryption", "envelope", "external_key_faults", "external_key_store", "identifiers", "imports",
            "key_agreement", "key_pair_encryption",
            "key_pair_imports", "key_specs", "keys", "lifecycle_kills", "managed_keys", "marks",
            "message_authentication", "monitoring", "pagination", "races", "root_rotation", "rotation", "seals",
            "signatures", "signing", "tags", "ten_years", "upgrade", "xks_proxy",
        ]
        /// What the scripts share.
        static let modules = [
            "bounds", "browser", "certificates", "cli", "far_side", "granting", "harness", "http2", "key_store_proxy",
            "near_side",
            "nodes",
            "peers",
            "plugin", "postgres", "principals", "raw", "sealing", "secure", "server", "violations", "visitor", "wizard",
            "wrapping",
        ]

        @Test(.needs(.python), .timeLimit(.minutes(6)), arguments: scripts)
        func `clients find what the API promises`(script: String) async throws {
            try await Script.run(script)
        }

        @Test
        func `every script is run`() throws {
            let files = try FileManager.default.contentsOfDirectory(atPath: Repository.scripts.path)
            let names = files.filter { $0.hasSuffix(".py") }.map { String($0.dropLast(3)) }
            let scripts =
                Self.scripts + AccessScriptTests.scripts + PatientScriptTests.scripts + ConsoleTests.scripts
                + KubernetesTests.scripts
            #expect(Set(names) == Set(scripts + Self.modules))
        }
    }
}

/// A program that finds out something about the built server, and ends with 0 when all is well.
enum Script {
    static func run(_ name: String) async throws {
        let python = try #require(Tool.python.path, Tool.python.need)
        let program = ExternalProgram(
            path: python,
            environment: ["CHATELAINE_BINARY": Repository.binary, "PYTHONDONTWRITEBYTECODE": "1"]
        )
        let file = Repository.scripts.appendingPathComponent("\(name).py").path
        let result = try await program.run([file], timeout: .seconds(300))
        #expect(result.exitCode == 0, "\(result.transcript)")
    }
}
