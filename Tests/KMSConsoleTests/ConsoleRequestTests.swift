import KMSConsole
import KMSEngine
import Testing

struct ConsoleRequestTests {
    private static func request(
        path: String = "/console", query: String = "", body: String = "", cookies: String? = nil,
        origin: String? = nil, fetchSite: String? = nil, host: String? = "kms.test:4599"
    ) -> ConsoleRequest? {
        ConsoleRequest(
            isPost: true, path: path, query: query, body: Array(body.utf8), cookies: cookies, origin: origin,
            fetchSite: fetchSite, host: host, client: Client(address: "127.0.0.1", userAgent: nil, referer: nil))
    }

    @Test(arguments: [
        ("/console", []), ("/console/", []), ("/console/us-east-1/keys", ["us-east-1", "keys"]),
        ("/console//keys", ["keys"]), ("/console/a%2Fb", ["a/b"]), ("/console/%C3%A9", ["é"]),
    ])
    func `a path is its decoded parts`(path: String, parts: [String]) {
        #expect(Self.request(path: path)?.path == parts)
    }

    @Test func `the target is what the browser asked for`() {
        #expect(Self.request(path: "/console/a%2Fb")?.target == "/console/a%2Fb")
        #expect(Self.request(path: "/console/a", query: "b=%20")?.target == "/console/a?b=%20")
    }

    @Test func `what cannot be read is no request`() {
        #expect(Self.request(path: "/console/%FF") == nil)
        #expect(Self.request(query: "a=%") == nil)
        #expect(Self.request(body: "a=%") == nil)
    }

    @Test func `what takes long to compare is no request`() {
        for (count, isRead) in [(15, true), (16, false), (100_000, false)] {
            let marks = String(repeating: "\u{301}\u{316}", count: count)
            let encoded = String(repeating: "%CC%81%CC%96", count: count)
            #expect((Self.request(path: "/console/e\(encoded)") != nil) == isRead)
            #expect((Self.request(query: "q=e\(encoded)") != nil) == isRead)
            #expect((Self.request(body: "e\(marks)=x") != nil) == isRead)
            #expect((Self.request(body: "a=e\(marks)") != nil) == isRead)
            #expect((Self.request(cookies: "e\(marks)=x") != nil) == isRead)
        }
    }

    @Test(arguments: [
        (nil, [:]), ("", [:]), ("a=b", ["a": "b"]), ("a=b; c=d", ["a": "b", "c": "d"]),
        ("a=b;c=d", ["a": "b", "c": "d"]),
        ("a=1; a=2", ["a": "1"]), ("a=b=c", ["a": "b=c"]), ("a=", ["a": ""]), ("a; b=c", ["b": "c"]),
    ])
    func `cookies go by their names`(header: String?, cookies: [String: String]) {
        #expect(Self.request(cookies: header)?.cookies == cookies)
    }

    struct Sender: Sendable, CustomTestStringConvertible {
        var origin: String?
        var fetchSite: String?
        var host: String? = "kms.test:4599"
        let isCrossSite: Bool
        var testDescription: String {
            "origin \(origin ?? "none"), fetch site \(fetchSite ?? "none"), host \(host ?? "none")"
        }
    }

    static let senders = [
        Sender(isCrossSite: false),
        Sender(origin: "http://kms.test:4599", fetchSite: "same-origin", isCrossSite: false),
        // A proxy in front of the server has the certificate.
        Sender(origin: "https://kms.test:4599", isCrossSite: false),
        Sender(fetchSite: "none", isCrossSite: false),
        Sender(fetchSite: "same-origin", isCrossSite: false),
        Sender(fetchSite: "same-site", isCrossSite: true),
        Sender(fetchSite: "cross-site", isCrossSite: true),
        Sender(fetchSite: "", isCrossSite: true),
        Sender(origin: "http://kms.test:4599", fetchSite: "cross-site", isCrossSite: true),
        Sender(origin: "http://evil.test", isCrossSite: true),
        // A proxy has passed on another host than the browser's.
        Sender(origin: "http://kms.test", fetchSite: "same-origin", isCrossSite: false),
        Sender(origin: "http://evil.test", fetchSite: "none", isCrossSite: true),
        Sender(origin: "http://kms.test", isCrossSite: true),
        Sender(origin: "http://kms.test:4599.evil.test", isCrossSite: true),
        Sender(origin: "http://evil.test/kms.test:4599", isCrossSite: true),
        Sender(origin: "null", isCrossSite: true),
        Sender(origin: "", isCrossSite: true),
        Sender(origin: "ftp://kms.test:4599", isCrossSite: true),
        Sender(origin: "http://evil.test", host: nil, isCrossSite: true),
    ]

    @Test(arguments: senders)
    func `a browser tells where a form is from`(sender: Sender) {
        let request = Self.request(origin: sender.origin, fetchSite: sender.fetchSite, host: sender.host)
        #expect(request?.isCrossSite == sender.isCrossSite)
    }

    /// Silence is no word for a page of this server.
    @Test(arguments: senders)
    func `only a browser that says so has the form from here`(sender: Sender) {
        let request = Self.request(origin: sender.origin, fetchSite: sender.fetchSite, host: sender.host)
        let saysSo = sender.fetchSite == "same-origin" || sender.fetchSite == nil && sender.origin != nil
        #expect(request?.isFromHere == (saysSo && !sender.isCrossSite))
    }

    @Test(arguments: [("https://kms.test:4599", true), ("http://kms.test:4599", false), (nil, false), ("https", false)])
    func `the origin tells of TLS`(origin: String?, isSecure: Bool) {
        #expect(Self.request(origin: origin)?.isSecure == isSecure)
    }

    /// Browsers say it by TLS, and on their own machine.
    @Test(arguments: [
        ("kms.test:4599", true), ("10.0.0.1", true), ("[2001:db8::1]:443", true), ("localhost.test", true),
        ("127.0.0.1:4599", false), ("localhost:4599", false), ("LOCALHOST", false), ("[::1]:4599", false),
        ("a.localhost", false), (nil, false),
    ])
    func `that a browser tells where a page is from tells of TLS`(host: String?, isSecure: Bool) {
        #expect(Self.request(fetchSite: "none", host: host)?.isSecure == isSecure)
        #expect(Self.request(host: host)?.isSecure == false)
        #expect(Self.request(origin: "http://kms.test", fetchSite: "same-origin", host: host)?.isSecure == false)
    }

    @Test func `a cookie that TLS has set comes first, and by TLS no other one counts`() throws {
        let cookie = ConsoleCookie("name")
        let (own, planted) = ("__Host-name=own", "name=planted")
        for (sent, plain, tls) in [
            ("", nil, nil), (planted, "planted", nil), (own, "own", "own"), ("\(planted); \(own)", "own", "own"),
        ] as [(String, String?, String?)] {
            #expect(cookie.value(in: try #require(Self.request(cookies: sent))) == plain)
            #expect(cookie.value(in: try #require(Self.request(cookies: sent, origin: "https://kms.test"))) == tls)
        }
        #expect(cookie.setting("v", isSecure: true) == "__Host-name=v; Path=/; HttpOnly; SameSite=Strict; Secure")
        #expect(cookie.setting("v", isSecure: false) == "name=v; Path=/console; HttpOnly; SameSite=Strict")
        #expect(cookie.removals.allSatisfy { $0.hasSuffix("; Max-Age=0") } && cookie.removals.count == 2)
    }
}

struct FormFieldsTests {
    private let fields = FormFields("a=1&b=+x%0D%0Ay%0A+&a=2&c=+&d=%0D%0A%CC%81".utf8)

    @Test func `fields are found by their names`() {
        #expect(fields?["a"] == "1")
        #expect(fields?.all("a") == ["1", "2"])
        #expect(fields?.has("c") == true)
        #expect(fields?["z"] == nil)
        #expect(fields?.all("z") == [])
        #expect(fields?.has("z") == false)
    }

    @Test func `lines end as the rest of the program ends them`() {
        #expect(fields?["b"] == " x\ny\n ")
        #expect(fields?["d"] == "\n\u{301}")
    }

    @Test func `a text has no white space around it, and is something`() {
        #expect(fields?.text("b") == "x\ny")
        #expect(fields?.text("c") == nil)
        #expect(fields?.text("z") == nil)
    }

    @Test func `what cannot be read is none`() {
        #expect(FormFields("a=%zz".utf8) == nil)
    }
}
