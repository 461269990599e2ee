import KMSKubernetes
import KMSModel
import Testing

struct KMSEndpointTests {
    @Test(arguments: [
        ("https://kms.us-east-1.amazonaws.com", "https://kms.us-east-1.amazonaws.com/", "kms.us-east-1.amazonaws.com"),
        ("https://kms.example:443/", "https://kms.example/", "kms.example"),
        ("http://127.0.0.1:4599", "http://127.0.0.1:4599/", "127.0.0.1:4599"),
        ("HTTP://[::1]:4599", "http://[::1]:4599/", "[::1]:4599"),
    ])
    func `a URL is read`(text: String, url: String, authority: String) throws {
        let endpoint = try #require(KMSEndpoint(text))
        #expect(endpoint.url == url)
        #expect(endpoint.authority == authority)
    }

    @Test(arguments: [
        "", "127.0.0.1:4599", "ftp://127.0.0.1", "https://", "https://kms.example/path", "https://kms.example/?a=b",
        "https://user@kms.example", "https://kms.example/#a", "unix:///run/kms.sock",
    ])
    func `what is no root of a server is refused`(text: String) {
        #expect(KMSEndpoint(text) == nil)
    }

    @Test(arguments: [
        ("http://127.0.0.1:4599", true), ("http://localhost", true), ("http://[::1]", true), ("http://10.0.0.1", false),
        ("http://127.0.0.1.example", false), ("http://localhost.example", false),
    ])
    func `this machine is told from others`(text: String, isLoopback: Bool) throws {
        #expect(try #require(KMSEndpoint(text)).isLoopback == isLoopback)
    }

    @Test(arguments: [
        ("eu-central-1", "kms.eu-central-1.amazonaws.com"), ("us-gov-west-1", "kms.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "kms.cn-north-1.amazonaws.com.cn"),
    ])
    func `AWS is found by the region`(name: String, authority: String) throws {
        let region = try #require(Region(name))
        #expect(KMSEndpoint(ofAWSIn: region)?.authority == authority)
    }
}

struct CredentialsTests {
    private static let text = """
        # A comment.
        [default]
        aws_access_key_id = AKIADEFAULT
        aws_secret_access_key=first=/+

        [ cluster ]
          aws_access_key_id=ASIACLUSTER
        ; Another.
        AWS_Secret_Access_Key = second
        aws_session_token = token
        region = eu-central-1
        [incomplete]
        aws_access_key_id = AKIAINCOMPLETE
        aws_secret_access_key =
        """

    @Test
    func `a profile's access key is found in the file`() throws {
        let first = try SharedCredentialsFile.credentials(of: "default", in: Self.text)
        #expect(first.accessKeyID == "AKIADEFAULT")
        #expect(first.secret.withBytes { String(decoding: $0, as: UTF8.self) } == "first=/+")
        #expect(first.sessionToken == nil)
        let second = try SharedCredentialsFile.credentials(of: "cluster", in: Self.text)
        #expect(second.accessKeyID == "ASIACLUSTER")
        #expect(second.secret.withBytes { String(decoding: $0, as: UTF8.self) } == "second")
        #expect(second.sessionToken == "token")
    }

    @Test(arguments: ["incomplete", "nobody", "", "region"])
    func `a profile that is not whole is refused`(profile: String) {
        #expect(throws: KMSFailure.self) { try SharedCredentialsFile.credentials(of: profile, in: Self.text) }
    }

    @Test
    func `a profile that was asked for comes first, then the environment, then the file`() {
        var environment = ["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_PROFILE": "named"]
        func source(_ profile: String? = nil) -> CredentialSource {
            CredentialSource(profile: profile, environment: environment, home: "/home/a")
        }
        if case .file = source() { Issue.record("the environment's access key was not taken") }
        #expect(Self.file(source("chosen")) == ["/home/a/.aws/credentials", "chosen"])
        environment["AWS_SECRET_ACCESS_KEY"] = ""
        #expect(Self.file(source()) == ["/home/a/.aws/credentials", "named"])
        environment = ["AWS_SHARED_CREDENTIALS_FILE": "/etc/keys"]
        #expect(Self.file(source()) == ["/etc/keys", "default"])
    }

    private static func file(_ source: CredentialSource) -> [String]? {
        if case .file(let path, let profile) = source { [path, profile] } else { nil }
    }
}
