import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import Testing

/// The proxy without a transport; `Scripts/xks_proxy.py` is the conformance test over one.
struct KeyStoreProxyServiceTests {
    private typealias World = KeyStoreProxyWorld

    @Test func `what was encrypted is decrypted, with the value that proves it`() async throws {
        try await World.use { world in
            let bound = #","additionalAuthenticatedData":"cHJvamVjdD1uaWxl""#
            let made = try await world.encrypt(
                more: bound + #","ciphertextDataIntegrityValueAlgorithm":"SHA_256""#)
            #expect(made.status == 200)
            let parts = try ["ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag"]
                .map { try #require(Base64.decode(made.object.text($0) ?? "")) }
            #expect(parts.map(\.count) == [20, 12, 12, 16])
            let value = Digest.sha256(Array("project=nile".utf8) + parts.flatMap(\.self))
            #expect(made.object.text("ciphertextDataIntegrityValue") == Base64.encode(value))
            let opened = try await world.decrypt(made.object, more: bound)
            #expect(opened.object.text("plaintext") == "SGVsbG8gV29ybGQh")
            #expect(try await world.decrypt(made.object).error == "InvalidCiphertextException")
        }
    }

    /// The example of the specification's appendix C, whose order of parts the value has.
    @Test func `the integrity value is that of the specification's example`() throws {
        let parts = [
            "cHJvamVjdD1uaWxlLGRlcGFydG1lbnQ9bWFya2V0aW5n", "a2V5X3ZlcnNpb249MQ==", "HMrlRw85cAJUd5Ax",
            "ghxkK1txeDNn3q8Y", "vBxN2ncH1oEkR8WVXpmyYQ==",
        ]
        let bytes = try parts.map { try #require(Base64.decode($0)) }
        let ciphertext = ExternalCiphertext(
            metadata: bytes[1], initializationVector: bytes[2], text: bytes[3], tag: bytes[4])
        let value = KeyStoreProxyService.integrityValue(of: ciphertext, bytes[0])
        #expect(Base64.encode(value) == "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=")
    }

    @Test func `what cannot be recorded is not answered`() async throws {
        try await World.use { world in
            world.harness.stopRecording()
            let answer = try await world.encrypt()
            #expect(answer.status == 500 && answer.error == "InternalException")
            #expect(answer.object.text("ciphertext") == nil)
        }
    }

    @Test func `a request that nobody signed leaves no record and takes nothing of the rate`() async throws {
        try await World.use(rate: "1") { world in
            let count = try world.harness.auditRecords().count
            for _ in 0..<5 {
                let answer = try await world.send("/health", "{}", secret: String(repeating: "x", count: 43))
                #expect(answer.status == 401 && answer.error == "AuthenticationFailedException")
            }
            #expect(try world.harness.auditRecords().count == count)
            #expect(try await world.encrypt().status == 200)
            #expect(try await world.encrypt().error == "ThrottlingException")
            #expect(try world.harness.auditRecords().count == count + 2)
        }
    }

    /// Principals, keys of theirs and operations, and whether a rule that has all three as patterns allows them.
    @Test(
        arguments: [
            (#"["encrypt"]"#, #"["arn:k"]"#, #"["arn:aws:iam::1:*"]"#, "arn:aws:iam::1:user/a", "arn:k", true),
            (#"["encrypt"]"#, #"["arn:k"]"#, #"["arn:aws:iam::1:*"]"#, "arn:aws:iam::12:user/a", "arn:k", false),
            (#"["encrypt"]"#, #"["arn:k?"]"#, #"["*"]"#, "ec2.amazonaws.com", "arn:k", false),
            (#"["encrypt"]"#, #"["x","arn:?"]"#, #"["*"]"#, "AWS Internal", "arn:k", true),
            (#"["decrypt","metadata"]"#, #"["*"]"#, #"["*"]"#, "a", "arn:k", false),
            (#"["encrypt"]"#, #"["*"]"#, #"["A"]"#, "a", "arn:k", false),
        ])
    func `a rule allows what it lists`(
        operations: String, keys: String, principals: String, principal: String, key: String, isAllowed: Bool
    ) async throws {
        let rule = #"{"operations":\#(operations),"kmsKeyArns":\#(keys),"principalArns":\#(principals)}"#
        try await World.use(rules: rule) { world in
            let answer = try await world.encrypt(World.metadata(principal: principal, key: key))
            #expect(answer.error == (isAllowed ? nil : "AccessDeniedException"))
        }
    }

    @Test func `rules do not add up to one that nobody wrote`() async throws {
        let rules = """
            {"operations":["encrypt"],"kmsKeyArns":["arn:k"],"principalArns":["a"]},
            {"operations":["decrypt"],"kmsKeyArns":["*"],"principalArns":["*"]}
            """
        try await World.use(rules: rules) { world in
            let other = try await world.encrypt(World.metadata(principal: "b"))
            #expect(other.error == "AccessDeniedException")
            let named = try await world.encrypt(World.metadata(principal: "a"))
            #expect(named.error == nil)
        }
    }

    @Test func `a key of which there is none yet elsewhere can only be looked at`() async throws {
        try await World.use { world in
            let none = World.metadata(key: nil)
            let metadata = try await world.send("/keys/k/metadata", "{\(none)}")
            #expect(metadata.object.text("keySpec") == "AES_256")
            let encrypted = try await world.encrypt(none)
            #expect(encrypted.error == "ValidationException")
        }
    }

    @Test func `another configuration counts at once, and forgets nothing of the same rate`() async throws {
        try await World.use(rate: "1") { world in
            #expect(try await world.encrypt().status == 200)
            let file = World.file(key: world.key, rate: "1")
            world.proxies.replace(with: try KeyStoreProxyConfiguration(json: file.utf8))
            #expect(try await world.encrypt().error == "ThrottlingException")
            world.proxies.replace(with: try KeyStoreProxyConfiguration(json: World.file(rate: "1000").utf8))
            #expect(try await world.encrypt().error == "KeyNotFoundException")
        }
    }

    @Test func `a disabled key is neither used nor hidden`() async throws {
        try await World.use { world in
            let made = try await world.encrypt().object
            _ = await world.harness.call(.disableKey, "{\"KeyId\":\"\(world.key)\"}")
            #expect(try await world.encrypt().error == "InvalidStateException")
            #expect(try await world.decrypt(made).error == "InvalidStateException")
            let metadata = try await world.send("/keys/k/metadata", "{\(World.metadata())}")
            #expect(metadata.object.text("keyStatus") == "DISABLED")
        }
    }
}
