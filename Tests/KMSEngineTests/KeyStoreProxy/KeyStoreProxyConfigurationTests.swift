import KMSEngine
import KMSModel
import Testing

/// What an operator can write, and what is refused because it means nothing.
struct KeyStoreProxyConfigurationTests {
    private typealias World = KeyStoreProxyWorld

    private static func refusal(_ text: String) -> String? {
        do throws(KeyStoreProxyConfiguration.Failure) {
            _ = try KeyStoreProxyConfiguration(json: text.utf8)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `a file that says all is read`() { #expect(Self.refusal(World.file()) == nil) }

    @Test(
        arguments: [
            (World.uriPath, "/one", #"another "uriPath""#), (World.uriPath, "/../kms/xks/v1", #"another "uriPath""#),
            (World.uriPath, "/a//kms/xks/v1", #"another "uriPath""#), (World.region, "west", #"another "region""#),
            (World.accessKeyID, "AKIA1", #"another "accessKeyId""#),
            (World.secret, "short", #"another "secretAccessKey" than 43 to 64"#),
            (World.absentKey, "alias/a", #"another "keyArn""#), (#""k""#, #""..""#, #"another "externalKeyId""#),
            (#""metadata""#, #""sign""#, #"another "operations""#), (#"["*"]"#, "[]", "a list with something in it"),
            (":1000", #":"1000""#, #"another "requestsPerSecond""#), (":1000", ":0", #"another "requestsPerSecond""#),
            (
                #""region""#, #""regions""#,
                #"has "regions" in number 1 of "proxies" of the file; there are only: uriPath"#
            ),
            (#""region""#, #""region":"us-west-2","region""#, "names something twice"), ("{", "", "is not JSON"),
        ])
    func `what means nothing is refused, and where it stands is told`(part: String, other: String, reason: String)
        throws
    {
        let text = World.file()
        #expect(text.contains(part))
        let refusal = try #require(Self.refusal(text.replacing(part, with: other)))
        #expect(refusal.contains(reason), "\(refusal)")
        #expect(!refusal.contains(World.secret))
    }

    @Test func `paths are taken apart without being decoded`() throws {
        #expect(KeyStoreProxyPath("/one/kms/xks/v1/health") != nil)
        for path in [
            "/", "/kms/xks/v1", "/one/kms/xks/v2/health", "/one/kms/xks/v%31/health", "/\u{e9}/kms/xks/v1/health",
        ] {
            #expect(KeyStoreProxyPath(path) == nil, "\(path)")
        }
    }

    /// The table of the specification's "Error codes".
    @Test(
        arguments: [
            ("ValidationException", 400), ("InvalidStateException", 400), ("InvalidCiphertextException", 400),
            ("InvalidKeyUsageException", 400), ("AuthenticationFailedException", 401), ("AccessDeniedException", 403),
            ("KeyNotFoundException", 404), ("InvalidUriPathException", 404), ("ThrottlingException", 429),
            ("UnsupportedOperationException", 501), ("DependencyTimeoutException", 503), ("InternalException", 500),
        ])
    func `errors have the statuses of the specification`(name: String, status: Int) {
        #expect(KeyStoreProxyError.Name(rawValue: name)?.httpStatus == status)
        #expect(KeyStoreProxyError.Name.allCases.count == 12)
    }

    @Test func `a message is short and printable`() throws {
        let error = KeyStoreProxyError(.validation, "é\n" + String(repeating: "x", count: 1000))
        #expect(error.message.utf8.count == 511 && error.message.hasPrefix("???x"))
        guard case .object(let object) = try JSONParser.parse(error.body) else { return }
        #expect(object.members.map(\.name) == ["errorName", "errorMessage"])
    }
}
