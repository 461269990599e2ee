import Foundation
import Testing

extension AcceptanceTests {
    /// The example configuration, applied by real Terraform with the real AWS provider.
    @Suite(.serialized)
    struct TerraformTests {
        @Test(.needs(.terraform), .needs(.python), .timeLimit(.minutes(20)))
        func `terraform makes, changes, imports and destroys a key`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            // With the quotas of production: the provider has to get through them.
            let quotas = ["--quotas", "aws"]
            try await RunningServer.use(dataDirectory: directory.file("data"), flags: quotas) { server in
                let terraform = try TerraformExample(server: server, directory: directory.file("example"))
                try await terraform.initialize()
                try await terraform.apply()
                let key = try await terraform.output("key_id")
                #expect(try await terraform.output("account") == RunningServer.account)
                for variables in Self.changes { try await terraform.apply(variables) }
                #expect(try await terraform.output("key_id") == key, "a change must not replace the key")
                try await adopt(key, with: terraform)
                try await terraform.destroy()
                #expect(try await state(of: key, server: server) == "PendingDeletion")
                try await terraform.apply(checkingPlan: false)
                #expect(try await terraform.output("key_id") != key)
            }
        }

        @Test(.needs(.terraform), .needs(.python), .timeLimit(.minutes(10)))
        func `terraform makes, changes and destroys replicas and keys with imported material`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            try await RunningServer.use(dataDirectory: directory.file("data")) { server in
                let terraform = try TerraformExample(
                    "multi-region", server: server, directory: directory.file("example"))
                let end = Date(timeIntervalSinceNow: 100 * 86_400).formatted(.iso8601)
                let material = Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
                let variables = ["key_material_base64": "\"\(material)\"", "valid_to": "\"\(end)\""]
                try await terraform.initialize()
                try await terraform.apply(variables)
                let (shared, brought) = (try await terraform.output("shared"), try await terraform.output("brought"))
                #expect(try await state(of: shared, in: "eu-central-1", server: server) == "Enabled")
                let changes = [
                    "rotation_period_in_days": "120", "tags": #"{"Environment": "changed"}"#,
                    "replica_description": #""Another description""#,
                ]
                try await terraform.apply(variables.merging(changes) { $1 })
                #expect(try await terraform.output("shared") == shared, "a change must not replace the key")
                try await terraform.destroy()
                for key in [shared, brought] {
                    #expect(try await state(of: key, server: server) == "PendingReplicaDeletion")
                    #expect(try await state(of: key, in: "eu-central-1", server: server) == "PendingDeletion")
                }
            }
        }

        @Test(.needs(.terraform), .needs(.python), .timeLimit(.minutes(10)))
        func `terraform makes keys of every kind and reads their public halves`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            try await RunningServer.use(dataDirectory: directory.file("data")) { server in
                let terraform = try TerraformExample("key-specs", server: server, directory: directory.file("example"))
                try await terraform.initialize()
                try await terraform.apply()
                let key = try await terraform.output("tokens")
                let publicKey = try await terraform.output("tokens_public_key")
                #expect(try await isSigned(by: key, verifying: publicKey, server: server))
                try await terraform.apply(["description": #""Another key for""#])
                #expect(try await terraform.output("tokens") == key, "a change must not replace the key")
                #expect(try await terraform.output("tokens_public_key") == publicKey)
                try await terraform.destroy()
                #expect(try await state(of: key, server: server) == "PendingDeletion")
            }
        }

        @Test(.needs(.terraform), .needs(.python), .timeLimit(.minutes(10)))
        func `terraform makes, replaces and destroys a grant to another account`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            try await RunningServer.use(dataDirectory: directory.file("data")) { server in
                let terraform = try TerraformExample("grants", server: server, directory: directory.file("example"))
                try await terraform.initialize()
                try await terraform.apply()
                let (key, grant) = (try await terraform.output("key"), try await terraform.output("grant"))
                #expect(try await grants(on: key, server: server) == "\(grant) orders")
                try await terraform.apply(["purpose": #""invoices""#])
                let other = try await terraform.output("grant")
                #expect(other != grant, "constraints cannot be changed, so the grant must be another one")
                #expect(try await grants(on: key, server: server) == "\(other) invoices")
                try await terraform.destroy()
                #expect(try await grants(on: key, server: server).isEmpty)
            }
        }

        @Test(.needs(.terraform), .needs(.python), .timeLimit(.minutes(10)))
        func `terraform makes, changes and destroys a custom key store`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            let cluster = "cluster-2abcdefghij"
            // Nobody connects it, so nobody needs the module.
            let place = "\(RunningServer.account)/us-east-1"
            let flags = ["--hsm-clusters", "\(cluster)/\(place)=keys@/usr/lib/none.so"]
            try await RunningServer.use(dataDirectory: directory.file("data"), flags: flags) { server in
                let terraform = try TerraformExample("key-store", server: server, directory: directory.file("example"))
                let certificate = "-----BEGIN CERTIFICATE-----\\nMAA=\\n-----END CERTIFICATE-----"
                let variables = [
                    "cluster_id": "\"\(cluster)\"", "password": #""12345678""#,
                    "trust_anchor_certificate": "\"\(certificate)\"",
                ]
                try await terraform.initialize()
                try await terraform.apply(variables)
                let id = try await terraform.output("id")
                try await terraform.apply(
                    variables.merging(["name": #""named anew""#, "password": #""87654321""#]) { $1 })
                #expect(try await terraform.output("id") == id, "a change must not replace the key store")
                try await terraform.destroy()
            }
        }

        @Test(.needs(.terraform), .needs(.python), .timeLimit(.minutes(10)))
        func `terraform makes, changes and destroys users and roles, and who uses a key is who may`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            try await RunningServer.use(dataDirectory: directory.file("data")) { server in
                let terraform = try TerraformExample(
                    "identities", server: server, directory: directory.file("example"))
                try await terraform.initialize()
                try await terraform.apply()
                var outputs: [String] = []
                for name in ["key", "access_key_id", "secret_access_key", "administrators", "users", "readers"] {
                    outputs.append(try await terraform.output(name))
                }
                let narrow = "AccessDeniedException"
                let expected = ["plaintext", "Enabled", narrow, narrow, narrow, narrow, "AccessDenied"]
                #expect(try await uses(outputs + ["ListAliases"], server: server) == expected + [narrow])
                let changes = [
                    "path": #""/programs/""#, "team": #""accounting""#, "description": #""Another + 100%""#,
                    "session_seconds": "7200", "listing": #"["kms:ListKeys", "kms:ListAliases"]"#,
                ]
                try await terraform.apply(changes)
                #expect(try await terraform.output("access_key_id") == outputs[1], "a change must not replace it")
                #expect(try await uses(outputs + ["ListAliases"], server: server) == expected + ["allowed"])
                try await terraform.destroy()
                #expect(try await state(of: outputs[0], server: server) == "PendingDeletion")
                #expect(try await identities(server: server) == "0 0 0 0")
            }
        }

        /// What an application comes to know that assumes roles with its access key and uses a key in each of them.
        private func uses(_ outputs: [String], server: RunningServer) async throws -> [String] {
            let question = """
                import boto3, botocore.exceptions, sys
                key, access_key_id, secret_access_key, *roles, operation = sys.argv[1:]
                def client(service, given):
                    return boto3.client(
                        service, region_name="us-east-1", aws_access_key_id=given["AccessKeyId"],
                        aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given.get("SessionToken"))
                own = {"AccessKeyId": access_key_id, "SecretAccessKey": secret_access_key}
                sts = client("sts", own)
                administrators, users, readers = (
                    client("kms", sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]) for role in roles)
                sealed = users.encrypt(KeyId=key, Plaintext=b"plaintext")["CiphertextBlob"]
                print(readers.decrypt(CiphertextBlob=sealed)["Plaintext"].decode())
                print(administrators.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
                for call in (
                    lambda: administrators.encrypt(KeyId=key, Plaintext=b"x"), lambda: users.disable_key(KeyId=key),
                    lambda: readers.encrypt(KeyId=key, Plaintext=b"x"),
                    lambda: client("kms", own).encrypt(KeyId=key, Plaintext=b"x"),
                    lambda: client("iam", own).list_users(),
                    lambda: client("kms", own)._make_api_call(operation, {}),
                ):
                    try:
                        call()
                        print("allowed")
                    except botocore.exceptions.ClientError as error:
                        print(error.response["Error"]["Code"])
                """
            let python = try #require(Tool.python.path, Tool.python.need)
            let program = ExternalProgram(path: python, environment: server.clientEnvironment)
            let answer = try await program.succeed(["-c", question] + outputs)
            return answer.standardOutput.split(separator: "\n").map(String.init)
        }

        /// How many users, groups, roles and policies there are.
        private func identities(server: RunningServer) async throws -> String {
            let question = """
                import boto3
                iam = boto3.client("iam", region_name="us-east-1")
                print(len(iam.list_users()["Users"]), len(iam.list_groups()["Groups"]), len(iam.list_roles()["Roles"]),
                      len(iam.list_policies(Scope="Local")["Policies"]))
                """
            let python = try #require(Tool.python.path, Tool.python.need)
            let program = ExternalProgram(path: python, environment: server.clientEnvironment)
            let answer = try await program.succeed(["-c", question])
            return answer.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        /// The grants on a key, each with the purpose that it is for.
        private func grants(on key: String, server: RunningServer) async throws -> String {
            let question = """
                import boto3, sys
                kms = boto3.client("kms", region_name="us-east-1")
                for grant in kms.list_grants(KeyId=sys.argv[1])["Grants"]:
                    print(grant["GrantId"], grant["Constraints"]["EncryptionContextSubset"]["purpose"])
                """
            let python = try #require(Tool.python.path, Tool.python.need)
            let program = ExternalProgram(path: python, environment: server.clientEnvironment)
            let answer = try await program.succeed(["-c", question, key])
            return answer.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        /// Whether a signature that the server makes is one of the owner of a public key in PEM.
        private func isSigned(
            by key: String, verifying publicKey: String, server: RunningServer
        ) async throws -> Bool {
            let question = """
                import boto3, sys
                from cryptography.hazmat.primitives import hashes, serialization
                from cryptography.hazmat.primitives.asymmetric import ec
                kms = boto3.client("kms", region_name="us-east-1")
                signed = kms.sign(KeyId=sys.argv[1], Message=b"token", SigningAlgorithm="ECDSA_SHA_256")
                key = serialization.load_pem_public_key(sys.argv[2].encode())
                key.verify(signed["Signature"], b"token", ec.ECDSA(hashes.SHA256()))
                """
            let python = try #require(Tool.python.path, Tool.python.need)
            let program = ExternalProgram(path: python, environment: server.clientEnvironment)
            return try await program.run(["-c", question, key, publicKey], timeout: .seconds(60)).exitCode == 0
        }

        @Test(.needs(.terraform), .needs(.python), .timeLimit(.minutes(10)))
        func `terraform finds the key of an AWS service that nobody used yet`() async throws {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            try await RunningServer.use(dataDirectory: directory.file("data")) { server in
                let terraform = try TerraformExample(server: server, directory: directory.file("example"))
                try terraform.add(
                    """
                    data "aws_kms_alias" "s3" { name = "alias/aws/s3" }
                    output "s3" { value = data.aws_kms_alias.s3.target_key_id }
                    """
                )
                try await terraform.initialize()
                try await terraform.apply()
                #expect(try await state(of: try await terraform.output("s3"), server: server) == "Enabled")
            }
        }

        /// What the provider changes by calls of different kinds, and at last everything at once; the values are JSON.
        ///
        /// Each round starts the provider twice and waits until it has seen its own changes several times over.
        private static let changes: [[String: String]] = [
            ["description": #""Another description""#, "tags": #"{"Name": "renamed", "Owner": "accounting"}"#],
            ["administrator_statement": #""Root manages the key""#, "enable_key_rotation": "false"],
            ["is_enabled": "false"],
            [
                "description": #""""#, "tags": "{}", "administrator_statement": #""Root""#,
                "enable_key_rotation": "true", "is_enabled": "true",
            ],
        ]

        /// Takes the key and its alias over into a state that knows nothing of them, and finds nothing left to do.
        private func adopt(_ key: String, with terraform: TerraformExample) async throws {
            // The provider cannot read the waiting period from anywhere, so the configuration must not ask for one.
            let variables = try #require(Self.changes.last).merging(["deletion_window_in_days": "null"]) { $1 }
            try await terraform.adopt(
                ["aws_kms_key.demo": key, "aws_kms_alias.demo": "alias/mydemotestkey"], variables
            )
        }

        private func state(
            of key: String, in region: String = "us-east-1", server: RunningServer
        ) async throws -> String {
            let python = try #require(Tool.python.path, Tool.python.need)
            let program = ExternalProgram(path: python, environment: server.clientEnvironment)
            let question = """
                import boto3, sys
                kms = boto3.client("kms", region_name=sys.argv[2])
                print(kms.describe_key(KeyId=sys.argv[1])["KeyMetadata"]["KeyState"])
                """
            let answer = try await program.succeed(["-c", question, key, region])
            return answer.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}

/// A copy of a configuration in `examples/terraform` with a state of its own.
struct TerraformExample {
    private let program: ExternalProgram
    private let directory: URL
    private let endpoint: String

    /// - Parameter name: The example's folder within `examples/terraform`; empty for that itself.
    init(_ name: String = "", server: RunningServer, directory: URL) throws {
        let path = try #require(Tool.terraform.path, Tool.terraform.need)
        let mirror = try #require(ProviderMirror.path, Tool.terraform.need)
        let files = FileManager.default
        try files.createDirectory(at: directory, withIntermediateDirectories: true)
        let example = Repository.root.appendingPathComponent("examples/terraform/\(name)")
        for name in try files.contentsOfDirectory(atPath: example.path) where name.hasSuffix(".tf") {
            try files.copyItem(
                at: example.appendingPathComponent(name), to: directory.appendingPathComponent(name)
            )
        }
        let settings = directory.appendingPathComponent("terraform.rc")
        let offline = "provider_installation {\n  filesystem_mirror {\n    path = \"\(mirror)\"\n  }\n}\n"
        try offline.write(to: settings, atomically: true, encoding: .utf8)
        endpoint = server.endpoint
        self.directory = directory
        program = ExternalProgram(
            path: path,
            environment: [
                "TF_CLI_CONFIG_FILE": settings.path, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
                "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                // A quarter of what the provider computes is to collect the garbage of its own large schema.
                "GOGC": "400",
            ],
            directory: directory
        )
    }

    /// Adds to the configuration.
    func add(_ text: String) throws {
        try text.write(to: directory.appendingPathComponent("added.tf"), atomically: true, encoding: .utf8)
    }

    func initialize() async throws { try await run("init") }

    /// Applies the configuration with these variables; afterwards there must be nothing left to do.
    func apply(_ variables: [String: String] = [:], checkingPlan: Bool = true) async throws {
        try set(variables)
        try await run("apply", ["-auto-approve"])
        if checkingPlan { try await run("plan", ["-detailed-exitcode"]) }
    }

    /// Imports what exists, by the address of each resource, into a new state; then there must be nothing left to do.
    func adopt(_ identifiers: [String: String], _ variables: [String: String]) async throws {
        try set(variables)
        for (address, identifier) in identifiers {
            try await run("import", ["-state=adopted.tfstate", address, identifier])
        }
        try await run("plan", ["-detailed-exitcode", "-state=adopted.tfstate"])
    }

    func destroy() async throws { try await run("destroy", ["-auto-approve"]) }

    func output(_ name: String) async throws -> String {
        try await program.succeed(["output", "-no-color", "-raw", name]).standardOutput
    }

    /// Writes the variables, whose values are JSON, where Terraform looks for them.
    private func set(_ variables: [String: String]) throws {
        let all = variables.merging(["endpoint": "\"\(endpoint)\""]) { $1 }
        let text = "{" + all.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",") + "}"
        let file = directory.appendingPathComponent("terraform.tfvars.json")
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    private func run(_ command: String, _ arguments: [String] = []) async throws {
        try await program.succeed([command, "-input=false", "-no-color"] + arguments, timeout: .seconds(240))
    }
}
