import Foundation
import KMSAccess
import KMSModel
import Synchronization
import Testing

/// A generator whose numbers can be had again (SplitMix64).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

struct AuthenticatorPropertyTests {
    private func isAccepted(_ request: SignedRequest, by authenticator: Authenticator) -> Bool {
        (try? authenticator.verify(request, expecting: .kms, at: Access.time)) != nil
    }

    @Test func `no single byte of what was signed can be changed`() throws {
        let authenticator = try Access().authenticator
        let signed = Access.signed()
        #expect(isAccepted(signed, by: authenticator))
        for index in signed.body.indices {
            var body = signed.body
            body[index] ^= 1
            let changed = SignedRequest(method: "POST", path: "/", query: "", headers: signed.headers, body: body)
            #expect(!isAccepted(changed, by: authenticator))
        }
        for (place, header) in signed.headers.enumerated() {
            for index in header.value.utf8.indices {
                var bytes = Array(header.value.utf8)
                bytes[header.value.utf8.distance(from: header.value.utf8.startIndex, to: index)] ^= 1
                var changed = signed
                changed.headers[place].value = String(decoding: bytes, as: UTF8.self)
                #expect(!isAccepted(changed, by: authenticator), "\(header.name)")
            }
        }
        for (method, path, query) in [("PUT", "/", ""), ("POST", "/a", ""), ("POST", "/", "a=b"), ("post", "/", "")] {
            let changed = SignedRequest(
                method: method, path: path, query: query, headers: signed.headers, body: signed.body)
            #expect(!isAccepted(changed, by: authenticator))
        }
    }

    @Test func `who signs again is the same object, until the access key is somebody else's`() throws {
        let access = try Access()
        let authenticator = access.authenticator
        func caller() throws -> Caller { try authenticator.verify(Access.signed(), expecting: .kms, at: Access.time) }
        // The first time nothing is known, and the second time it is.
        let first = try caller()
        #expect(try caller() === first)
        let (account, id) = (first.principal.account, try #require(UniqueID("AIDACKCEVSQ6C2EXAMPLE")))
        for name in ["Bob", "bob"] {
            let user = Principal.user(account, path: "/", name: name, id: id)
            access.owner.withLock { $0 = user }
            #expect(try caller().principal == user)
        }
        access.owner.withLock { $0 = nil }
        #expect(try caller() === first)
    }

    @Test(arguments: 0..<32)
    func `garbage never crashes and is never accepted`(seed: UInt64) throws {
        let authenticator = try Access().authenticator
        var random = Seeded(state: seed)
        let signed = Access.signed()
        // Also when what the header says is known from before.
        if seed.isMultiple(of: 2) { #expect(isAccepted(signed, by: authenticator)) }
        let header = try #require(signed.headers.last?.value)
        let alphabet = Array("AWS4-HMAC-SHA256 Credential=/,;SignedHeaders=Signature %&é\u{0}\t".unicodeScalars)
        for _ in 0..<300 {
            var scalars = Array(header.unicodeScalars)
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let place = Int.random(in: 0..<scalars.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: scalars[place] = alphabet.randomElement(using: &random) ?? "x"
                case 1: scalars.remove(at: place)
                default: scalars.insert(alphabet.randomElement(using: &random) ?? "x", at: place)
                }
            }
            let text = String(String.UnicodeScalarView(scalars))
            // White space between the parts is free, and nothing else is.
            let isSame = text.filter { $0 != " " && $0 != "\t" } == header.filter { $0 != " " }
            let changed = signed.with("authorization", text)
            #expect(isSame || !isAccepted(changed, by: authenticator), "\(text)")
            let presigned = SignedRequest(
                method: "POST", path: text, query: "X-Amz-Algorithm=\(text)", headers: [("host", "a")], body: []
            )
            #expect(!isAccepted(presigned, by: authenticator))
        }
    }

    @Test func `long headers and queries are read in one pass`() throws {
        let authenticator = try Access().authenticator
        let query = (0..<10_000).map { "p\($0)=%41" }.joined(separator: "&")
        let long = SignedRequest(
            method: "POST", path: String(repeating: "/..", count: 20_000), query: query,
            headers: Access.signed().headers, body: []
        )
        #expect(!isAccepted(long, by: authenticator))
        let names = (0..<5000).map { "h\($0)" }.sorted().joined(separator: ";")
        let many = Access.signed().authorization { $0.replacing("content-type;", with: "content-type;\(names);") }
        #expect(!isAccepted(many, by: authenticator))
        let commas = Access.signed().with("authorization", "AWS4-HMAC-SHA256 " + String(repeating: ",", count: 60_000))
        #expect(!isAccepted(commas, by: authenticator))
    }

    @Test func `a credential with many accents takes no time, whatever is known`() throws {
        let authenticator = try Access().authenticator
        #expect(isAccepted(Access.signed(), by: authenticator))
        let marks = String(repeating: "\u{301}", count: 15_000) + String(repeating: "\u{316}", count: 15_000)
        let inHeader = Access.signed().authorization { $0.replacing("/aws4_request", with: "/aws4_request\(marks)") }
        let escaped = marks.utf8.map { "%" + Hex.encode([$0]) }.joined()
        let inQuery = SignedRequest(
            method: "POST", path: "/",
            query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e\(escaped)&X-Amz-SignedHeaders=host"
                + "&X-Amz-Date=20260102T030405Z&X-Amz-Signature=a",
            headers: [("host", "a")], body: [])
        let time = ContinuousClock().measure {
            #expect(!isAccepted(inHeader, by: authenticator))
            #expect(!isAccepted(inQuery, by: authenticator))
        }
        #expect(time < .milliseconds(200))
    }

    @Test func `a parameter that ends like the signature's name changes nothing, whatever is known`() throws {
        let authenticator = try Access().authenticator
        let signed = Access.signed()
        let other = String(repeating: "0", count: 64)
        let signature = try #require(signed.headers.last?.value).suffix(64)
        for text in [", XSignature=\(other)", ", Foo=bar Signature=\(other)", ", Foo=Signature=\(other)"] {
            let genuine = signed.authorization { $0 + text }
            #expect(isAccepted(genuine, by: authenticator))
            #expect(isAccepted(genuine, by: authenticator))
            let forged = genuine.authorization { $0.replacing(signature, with: other) }
            #expect(!isAccepted(forged, by: authenticator))
            #expect(!isAccepted(forged, by: authenticator))
        }
        let filler = String(repeating: "x=y,", count: 400)
        let long = signed.authorization { $0.replacing("Credential=", with: "\(filler)Credential=") }
        #expect(isAccepted(long, by: authenticator))
        #expect(isAccepted(long, by: authenticator))
        #expect(!isAccepted(long.authorization { $0.replacing(signature, with: other) }, by: authenticator))
    }

    @Test func `a key that was switched off, replaced or removed stops working at once`() throws {
        let access = try Access()
        let authenticator = access.authenticator
        #expect(isAccepted(Access.signed(), by: authenticator))
        try access.replace(secret: Access.secret, isActive: false)
        #expect(!isAccepted(Access.signed(), by: authenticator))
        try access.replace(secret: "another")
        #expect(!isAccepted(Access.signed(), by: authenticator))
        #expect(isAccepted(Access.signed(secret: "another"), by: authenticator))
        access.remove()
        #expect(!isAccepted(Access.signed(secret: "another"), by: authenticator))
    }

    @Test func `a date header will do, in either form`() throws {
        let authenticator = try Access().authenticator
        // Signed by hand: the signer always sends its own date header.
        let signed = Access.signed(Access.request().with("date", "Fri, 02 Jan 2026 03:04:05 GMT"))
        #expect(isAccepted(signed, by: authenticator))
        #expect(!isAccepted(signed.with("x-amz-date", nil), by: authenticator))
    }
}
