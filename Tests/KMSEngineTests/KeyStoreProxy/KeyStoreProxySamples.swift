import Foundation
import KMSAccess
import KMSEngine
import KMSModel
import Testing

/// A proxy's file, and an engine that it is of.
struct KeyStoreProxyWorld {
    static let accessKeyID = "ABCDEFGHIJKLMNOP2345"
    static let secret = "FYtE5EFA5FT0mCc3DrGUe2sti527BitkQ0Zr9MO9fvE"
    static let region = "us-west-2"
    static let uriPath = "/one/kms/xks/v1"
    static let absentKey = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    static let openRule = #"{"operations":["metadata","encrypt","decrypt"],"kmsKeyArns":["*"],"principalArns":["*"]}"#

    /// The file, with one key.
    static func file(key: String = absentKey, rules: String = openRule, rate: String = "1000") -> String {
        """
        {"proxies":[{"uriPath":"\(uriPath)","region":"\(region)","requestsPerSecond":\(rate),
        "credentials":[{"accessKeyId":"\(accessKeyID)","secretAccessKey":"\(secret)"}],
        "keys":[{"externalKeyId":"k","keyArn":"\(key)","allow":[\(rules)]}]}]}
        """
    }

    let harness: EngineHarness
    let proxies: KeyStoreProxies
    let key: String

    /// Lends an engine that offers a new key.
    static func use(rules: String = openRule, rate: String = "1000", _ body: (Self) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let proxies = KeyStoreProxies(try KeyStoreProxyConfiguration(json: file().utf8), version: "1.2.3")
            let harness = try await EngineHarness(in: directory, keyStoreProxies: proxies)
            let key = try await harness.call(.createKey, "{}").string("KeyMetadata", "Arn")
            proxies.replace(with: try KeyStoreProxyConfiguration(json: file(key: key, rules: rules, rate: rate).utf8))
            try await body(Self(harness: harness, proxies: proxies, key: key))
            try await harness.close()
        }
    }

    /// What a proxy answers.
    struct Answer {
        let status: Int
        let object: JSONObject
        /// The error's name, or nil after a success.
        var error: String? { object.text("errorName") }
    }

    /// Sends a request that is signed with these credentials.
    func send(
        _ rest: String, _ body: String, secret: String = secret, at path: String = uriPath
    ) async throws -> Answer {
        let request = SignedRequest(
            method: "POST", path: path + rest, query: "", headers: [("host", "localhost")], body: Array(body.utf8))
        let signed = Signer(accessKeyID: Self.accessKeyID, secret: SecretBytes(copying: secret.utf8))
            .sign(request, region: Self.region, service: .keyStoreProxy, at: .now)
        let place = try #require(KeyStoreProxyPath(request.path))
        let service = try #require(harness.engine.keyStoreProxy)
        let client = Client(address: "127.0.0.1", userAgent: "test", referer: nil)
        let answer = try #require(await service.answer(signed, at: place, from: client, requestID: RequestID.make()))
        guard case .object(let object) = try JSONParser.parse(answer.body) else { throw JSONFailure.syntax(offset: 0) }
        return Answer(status: answer.status, object: object)
    }

    /// What the other side tells of itself.
    static func metadata(principal: String = "arn:aws:iam::123456789012:user/a", key: String? = "arn:k") -> String {
        #""requestMetadata":{"awsPrincipalArn":"\#(principal)","kmsOperation":"x","kmsRequestId":"r""#
            + (key.map { #","kmsKeyArn":"\#($0)"}"# } ?? "}")
    }

    /// Encrypts "Hello World!".
    func encrypt(_ metadata: String = metadata(), more: String = "") async throws -> Answer {
        try await send(
            "/keys/k/encrypt",
            "{\(metadata),\"plaintext\":\"SGVsbG8gV29ybGQh\",\"encryptionAlgorithm\":\"AES_GCM\"\(more)}")
    }

    /// Decrypts what was encrypted.
    func decrypt(_ made: JSONObject, more: String = "") async throws -> Answer {
        let parts = ["ciphertext", "ciphertextMetadata", "initializationVector", "authenticationTag"]
            .map { "\"\($0)\":\"\(made.text($0) ?? "")\"" }.joined(separator: ",")
        return try await send(
            "/keys/k/decrypt", "{\(Self.metadata()),\(parts),\"encryptionAlgorithm\":\"AES_GCM\"\(more)}")
    }
}
