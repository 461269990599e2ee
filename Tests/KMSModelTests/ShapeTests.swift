import Foundation
import KMSModel
import Testing

struct ShapeTests {
    private func object(_ text: String) throws -> JSONObject {
        guard case .object(let object) = try JSONParser.parse(text.utf8) else { throw JSONFailure.syntax(offset: 0) }
        return object
    }

    private func refusal(_ operation: OperationName, _ text: String) throws -> KMSError? {
        let object = try object(text)
        do throws(KMSError) {
            try operation.validate(object)
            return nil
        } catch {
            return error
        }
    }

    @Test func `each operation has its own index`() {
        #expect(OperationName.allCases.map(\.index) == Array(OperationName.allCases.indices))
    }

    @Test func `a missing required member is null in the sentence`() throws {
        #expect(
            try refusal(.describeKey, "{}")?.message
                == "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"
        )
    }

    @Test func `null counts as absent`() throws {
        #expect(try refusal(.listKeys, #"{"Limit":null}"#) == nil)
        #expect(try refusal(.describeKey, #"{"KeyId":null}"#)?.code == .validation)
    }

    @Test func `every broken constraint is told`() throws {
        let message = try refusal(.createAlias, #"{"AliasName":"alias/ä"}"#)?.message
        #expect(
            message == """
                2 validation errors detected: Value 'alias/ä' at 'aliasName' failed to satisfy constraint: Member must \
                satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$; Value null at 'targetKeyId' failed to satisfy \
                constraint: Member must not be null
                """
        )
    }

    @Test func `a secret is left out of the sentence`() throws {
        let body = #"{"KeyId":"a","Plaintext":"\#(Base64.encode([UInt8](repeating: 0, count: 4097)))"}"#
        #expect(
            try refusal(.encrypt, body)?.message
                == "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
                + "Member must have length less than or equal to 4096"
        )
    }

    @Test func `an element of a list is named by its place`() throws {
        let body = #"{"KeyId":"a","Tags":[{"TagKey":"k","TagValue":""},{"TagKey":"","TagValue":"v"}]}"#
        #expect(
            try refusal(.tagResource, body)?.message
                == "1 validation error detected: Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: "
                + "Member must have length greater than or equal to 1"
        )
    }

    @Test(arguments: [
        (
            OperationName.listKeys, #"{"Limit":0}"#,
            "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
        ),
        (
            .listKeys, #"{"Limit":1001}"#,
            "Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000"
        ),
        (
            .generateRandom, #"{"NumberOfBytes":1025}"#,
            "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"
        ),
        (
            .generateDataKey, #"{"KeyId":"a","KeySpec":"AES"}"#,
            "Value 'AES' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]"
        ),
    ])
    func `a number or an enumeration out of bounds is told`(operation: OperationName, body: String, item: String) throws
    {
        #expect(try refusal(operation, body)?.message == "1 validation error detected: \(item)")
    }

    @Test(arguments: [
        (OperationName.describeKey, #"{"KeyId":1}"#), (.listKeys, #"{"Limit":"1"}"#), (.listKeys, #"{"Limit":1.5}"#),
        (.listKeys, #"{"Limit":1e400}"#), (.createKey, #"{"MultiRegion":"true"}"#), (.createKey, #"{"Tags":{}}"#),
        (.createKey, #"{"Tags":[1]}"#), (.encrypt, #"{"KeyId":"a","Plaintext":"*"}"#),
        (.encrypt, #"{"KeyId":"a","Plaintext":1}"#),
        (.encrypt, #"{"KeyId":"a","Plaintext":"YQ==","EncryptionContext":{"a":1}}"#),
        (.encrypt, #"{"KeyId":"a","Plaintext":"YQ==","EncryptionContext":[]}"#),
        (.encrypt, #"{"KeyId":"a","Plaintext":"YQ==","GrantTokens":"a"}"#),
        (.encrypt, #"{"KeyId":"a","Plaintext":"YQ==","GrantTokens":[1]}"#),
    ])
    func `another JSON type than the model's is a SerializationException`(operation: OperationName, body: String) throws
    {
        #expect(try refusal(operation, body)?.code == .serialization)
    }

    @Test func `numbers may be written in every form`() throws {
        #expect(try refusal(.listKeys, #"{"Limit":1e2}"#) == nil)
        #expect(try refusal(.listKeys, #"{"Limit":100.0}"#) == nil)
    }

    @Test func `unknown members are ignored and names are case-sensitive`() throws {
        #expect(try refusal(.listKeys, #"{"limit":0,"Other":{}}"#) == nil)
    }

    @Test func `the number of sentences is bounded`() throws {
        let tags = (0..<5000).map { _ in #"{"TagKey":"","TagValue":""}"# }.joined(separator: ",")
        let message = try refusal(.tagResource, #"{"KeyId":"a","Tags":[\#(tags)]}"#)?.message ?? ""
        #expect(message.hasPrefix("100 validation errors detected"))
    }

    @Test func `characters are counted, not bytes`() throws {
        let key = String(repeating: "ü", count: 128)
        #expect(try refusal(.tagResource, #"{"KeyId":"a","Tags":[{"TagKey":"\#(key)","TagValue":""}]}"#) == nil)
        #expect(
            try refusal(.tagResource, #"{"KeyId":"a","Tags":[{"TagKey":"\#(key)ü","TagValue":""}]}"#)?.code
                == .validation
        )
    }

    @Test func `every pattern of the model compiles`() {
        #expect(Pattern.all.count > 10)
        for pattern in Pattern.all { #expect(pattern.isUsable, "\(pattern.text)") }
    }
}

struct GeneratedModelTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test func `the generated files are what the generator writes`() throws {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", Self.root.appendingPathComponent("scripts/generate-api-model.py").path, "--output", output.path,
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "python3 with botocore is needed")
        let names = try FileManager.default.contentsOfDirectory(atPath: output.path).sorted()
        #expect(names.count == 4)
        for name in names {
            let inTree = Self.root.appendingPathComponent("Sources/KMSModel/Generated/\(name)")
            #expect(try Data(contentsOf: inTree) == Data(contentsOf: output.appendingPathComponent(name)), "\(name)")
        }
    }

    @Test func `the model has its 54 operations, each with declared errors`() {
        #expect(OperationName.allCases.count == 54)
        for operation in OperationName.allCases { #expect(!operation.declaredErrors.isEmpty) }
    }
}
