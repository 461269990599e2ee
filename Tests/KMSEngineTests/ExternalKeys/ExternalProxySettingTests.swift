import KMSEngine
import KMSModel
import Testing

struct ExternalProxySettingTests {
    private static let service = "com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0"

    @Test(arguments: [
        ("https://xks.example/111122223333/eu-west-1", "xks.example", nil, nil),
        ("https://XKS.Example/111122223333/eu-west-1=10.0.0.1:8443", "xks.example", "10.0.0.1:8443", nil),
        ("https://a/111122223333/eu-west-1=host-1.internal:1@\(service)", "a", "host-1.internal:1", service),
        ("https://a/111122223333/eu-west-1@\(service)", "a", nil, service),
        ("https://a/111122223333/eu-west-1=[::1]:8443@\(service)", "a", "::1:8443", service),
    ])
    func `a place is a host, an account and a region, and where that is`(
        text: String, host: String, address: String?, service: String?
    ) throws {
        let setting = try #require(ExternalProxySetting(text))
        #expect((setting.host, setting.service) == (host, service))
        #expect(setting.address.map { "\($0.host):\($0.port)" } == address)
        #expect("\(setting.realm.account)/\(setting.realm.region)" == "111122223333/eu-west-1")
    }

    @Test func `an address is known without asking for it`() {
        for (text, isAsked) in [
            ("https://a.example/111122223333/eu-west-1", true),
            ("https://a.example/111122223333/eu-west-1=10.0.0.1:1", false),
            ("https://a.example/111122223333/eu-west-1=[fd00::a]:1", false),
            ("https://10.0.0.1/111122223333/eu-west-1", false), ("https://10.0.0.1/111122223333/eu-west-1=b:1", true),
        ] {
            #expect(ExternalProxySetting(text)?.needsNameServer == isAsked, "\(text)")
        }
    }

    @Test(arguments: [
        "", "@", "=", "https://", "https:///111122223333/eu-west-1", "http://a/111122223333/eu-west-1",
        "HTTPS://a/111122223333/eu-west-1", "https://a/111122223333", "https://a/1/eu-west-1",
        "https://a/111122223333/nowhere", "https://a/111122223333/eu-west-1/", "https://a:8443/111122223333/eu-west-1",
        "https://a_b/111122223333/eu-west-1", "https://a/111122223333/eu-west-1=",
        "https://a/111122223333/eu-west-1=host", "https://a/111122223333/eu-west-1=host:0",
        "https://a/111122223333/eu-west-1=host:65536", "https://a/111122223333/eu-west-1=host:1:2",
        "https://a/111122223333/eu-west-1=::1:1", "https://a/111122223333/eu-west-1=[::1]",
        "https://a/111122223333/eu-west-1=[10.0.0.1]:1", "https://a/111122223333/eu-west-1=[::1%lo]:1",
        "https://a/111122223333/eu-west-1=[a]:1", "https://a/111122223333/eu-west-1=ho/st:1",
        "https://a/111122223333/eu-west-1@",
        "https://a/111122223333/eu-west-1@vpce-svc-1", "https://user@a/111122223333/eu-west-1",
        "https://\u{e9}/111122223333/eu-west-1",
    ])
    func `anything else is none`(text: String) { #expect(ExternalProxySetting(text) == nil) }
}
