import Foundation
import KMSConsole
import KMSEngine
import KMSModel
import Testing

struct KeptFormTests {
    private let token: String

    init() throws { token = FormToken.page(of: try FormToken.session(of: "AIDAEXAMPLE")) }

    private func request(
        _ fields: String, path: String = "/console/us-east-1/keys/1/policy", origin: String? = "http://kms.test",
        fetchSite: String? = nil, isPost: Bool = true
    ) throws -> ConsoleRequest {
        try #require(
            ConsoleRequest(
                isPost: isPost, path: path, query: "", body: Array(fields.utf8), cookies: nil, origin: origin,
                fetchSite: fetchSite, host: "kms.test",
                client: Client(address: "127.0.0.1", userAgent: nil, referer: nil)))
    }

    /// As it comes through the form of the sign-in.
    private func carried(_ kept: KeptForm) throws -> KeptForm? {
        var components = URLComponents()
        components.queryItems =
            [URLQueryItem(name: "to", value: kept.target), URLQueryItem(name: "access-key-id", value: "AKIA")]
            + kept.hidden.map { URLQueryItem(name: $0.name, value: $0.value) }
        let text = (components.percentEncodedQuery ?? "").replacingOccurrences(of: "+", with: "%2B")
        return KeptForm(carriedBy: try #require(FormFields(text.utf8)))
    }

    @Test func `a form goes through the sign-in with what was typed`() throws {
        let sent = try request("token=\(token)&policy=%7B%0D%0A%22a%22%2B&tag=1&tag=2&empty=")
        let kept = try #require(KeptForm(sent))
        #expect(kept.target == "/console/us-east-1/keys/1/policy")
        #expect(kept.mark == FormToken.mark(of: "AIDAEXAMPLE"))
        let back = try #require(try carried(kept))
        for form in [kept, back] {
            #expect(form.fields["policy"] == "{\n\"a\"+")
            #expect(form.fields.all("tag") == ["1", "2"])
            #expect(form.fields.has("empty"))
            #expect((form.target, form.mark) == (kept.target, kept.mark))
        }
    }

    @Test func `neither tokens nor secrets are kept`() throws {
        let sent = try request("token=\(token)&a=1&secret-access-key=s&session-token=t")
        let names = try #require(KeptForm(sent)).hidden.map(\.name)
        #expect(names == ["kept-mark", "kept.a"])
        let form = try #require(
            FormFields("to=/console/x&kept-mark=1&kept.a=1&kept.token=t&kept.secret-access-key=s".utf8))
        #expect(KeptForm(carriedBy: form)?.hidden.map(\.name) == ["kept-mark", "kept.a"])
    }

    @Test func `only what the browser says to be from here is kept`() throws {
        let fields = "token=\(token)&a=1"
        #expect(KeptForm(try request(fields)) != nil)
        #expect(KeptForm(try request(fields, origin: nil, fetchSite: "same-origin")) != nil)
        #expect(KeptForm(try request(fields, origin: nil)) == nil)
        #expect(KeptForm(try request(fields, origin: "http://evil.test")) == nil)
        #expect(KeptForm(try request(fields, fetchSite: "cross-site")) == nil)
        #expect(KeptForm(try request(fields, isPost: false)) == nil)
        #expect(KeptForm(try request("a=1")) == nil)
        #expect(KeptForm(try request("token=x&a=1")) == nil)
        #expect(KeptForm(try request(fields, path: "/console/sign-out")) == nil)
    }

    @Test func `what has no room in the next form is not kept`() throws {
        let room = KeptForm.longest - "&kept.a=".utf8.count
        #expect(KeptForm(try request("token=\(token)&a=" + String(repeating: "x", count: room))) != nil)
        #expect(KeptForm(try request("token=\(token)&a=" + String(repeating: "x", count: room + 1))) == nil)
        #expect(KeptForm(try request("token=\(token)&a=" + String(repeating: "%C3%A9", count: room / 6 + 1))) == nil)
        let many = (0...KeptForm.mostFields).map { "&f\($0)=" }.joined()
        #expect(KeptForm(try request("token=\(token)\(many)")) == nil)
    }

    @Test(arguments: ["", "//evil.test", "https://evil.test/console/", "/console/sign-in", "/other"])
    func `a form is kept for a page of the console only`(target: String) throws {
        let form = try #require(FormFields("to=\(target)&kept-mark=1&kept.a=1".utf8))
        #expect(KeptForm(carriedBy: form) == nil)
    }
}
