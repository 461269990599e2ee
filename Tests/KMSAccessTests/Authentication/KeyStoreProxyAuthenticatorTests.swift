import Foundation
import KMSAccess
import KMSModel
import Testing

/// Who is taken for the other side of a key store proxy.
struct KeyStoreProxyAuthenticatorTests {
    private static let now = Date(timeIntervalSince1970: 1_700_000_000)
    private static let (first, second) = ("AAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBB")
    private static let path = "/one/kms/xks/v1/keys/k/encrypt"

    private static func secret(_ id: String) -> SecretBytes { SecretBytes(copying: "\(id)\(id)abc".utf8) }

    private static func authenticator(_ ids: String...) throws -> KeyStoreProxyAuthenticator {
        KeyStoreProxyAuthenticator(
            region: try #require(Region("us-west-2")),
            credentials: ids.map { .init(accessKeyID: $0, secret: secret($0)) })
    }

    private static func signed(
        by id: String = first, secret: SecretBytes? = nil, region: String = "us-west-2",
        for service: SigningService = .keyStoreProxy, at time: Date = now
    ) -> SignedRequest {
        let request = SignedRequest(
            method: "POST", path: path, query: "", headers: [("host", "xks.example.com")], body: Array("{}".utf8))
        return Signer(accessKeyID: id, secret: secret ?? Self.secret(id))
            .sign(request, region: region, service: service, at: time)
    }

    private static func failure(_ request: SignedRequest, _ ids: String...) throws -> AuthenticationFailure? {
        let authenticator = try KeyStoreProxyAuthenticator(
            region: #require(Region("us-west-2")),
            credentials: ids.map { .init(accessKeyID: $0, secret: secret($0)) })
        do throws(AuthenticationFailure) {
            _ = try authenticator.verify(request, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test func `each of two credentials signs, again and again, and says which it was`() throws {
        let authenticator = try Self.authenticator(Self.first, Self.second)
        for id in [Self.first, Self.second, Self.first, Self.second] {
            #expect(try authenticator.verify(Self.signed(by: id), at: Self.now) == id)
        }
        // The next day has another key.
        let tomorrow = Self.now.addingTimeInterval(86_400)
        #expect(try authenticator.verify(Self.signed(at: tomorrow), at: tomorrow) == Self.first)
    }

    @Test func `a credential that was taken away, and the secret of another, do not sign`() throws {
        #expect(try Self.failure(Self.signed(by: Self.second), Self.first) == .unrecognizedClient)
        let mixed = Self.signed(by: Self.first, secret: Self.secret(Self.second))
        #expect(try Self.failure(mixed, Self.first, Self.second) == .signatureMismatch)
    }

    @Test func `service, region and time are those of the proxy`() throws {
        #expect(try Self.failure(Self.signed(for: .kms), Self.first) == .wrongService(expected: "kms-xks-proxy"))
        #expect(try Self.failure(Self.signed(region: "us-east-1"), Self.first) == .wrongRegion)
        for seconds in [-300.0, 300] {
            #expect(try Self.failure(Self.signed(at: Self.now.addingTimeInterval(seconds)), Self.first) == nil)
        }
        for seconds in [-301.0, 301] {
            let failure = try Self.failure(Self.signed(at: Self.now.addingTimeInterval(seconds)), Self.first)
            #expect(failure != nil, "\(seconds)")
        }
    }

    @Test func `path, body and headers are as they were signed`() throws {
        let good = Self.signed()
        func changed(path: String? = nil, query: String = "", body: String = "{}") -> SignedRequest {
            SignedRequest(
                method: "POST", path: path ?? good.path, query: query, headers: good.headers, body: Array(body.utf8))
        }
        #expect(try Self.failure(changed(), Self.first) == nil)
        let decrypting = changed(path: Self.path.replacing("encrypt", with: "decrypt"))
        for request in [decrypting, changed(query: "a=b"), changed(body: "{ }")] {
            #expect(try Self.failure(request, Self.first) == .signatureMismatch)
        }
        #expect(
            try Self.failure(
                SignedRequest(method: "POST", path: Self.path, query: "", headers: [], body: []), Self.first)
                == .missingToken)
    }
}
