import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Testing

/// The credentials of a session, and requests that are signed with them.
struct TemporaryCredentials {
    static let id = "ASIAIOSFODNN7EXAMPLE"

    let session: SessionRecord
    var accessKeyID = id
    var token: String?
    var secret: SecretBytes

    func signed(_ form: SessionAuthenticationTests.Form) -> SignedRequest {
        switch form {
        case .header:
            Signer(accessKeyID: accessKeyID, secret: secret).sign(
                Access.request().with("x-amz-security-token", token), region: Access.region, service: .kms,
                at: Access.time)
        case .presigned: presigned(isTokenSigned: true)
        case .presignedAndTokenAdded: presigned(isTokenSigned: false)
        }
    }

    private func presigned(isTokenSigned: Bool) -> SignedRequest {
        let request = Access.request()
        let headers = request.headers.map(\.name).sorted()
        let (day, time) = ("20260102", "20260102T030405Z")
        let scope = "\(day)/\(Access.region)/kms/aws4_request"
        let tokenParameter = token.map { [("X-Amz-Security-Token", $0)] } ?? []
        let parameters =
            [
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", "\(accessKeyID)/\(scope)"),
                ("X-Amz-Date", time), ("X-Amz-Expires", "60"),
                ("X-Amz-SignedHeaders", headers.joined(separator: ";")),
            ] + (isTokenSigned ? tokenParameter : [])
        func with(_ parameters: [(String, String)]) -> SignedRequest {
            let query = parameters.map { "\($0)=\(Self.escaped($1))" }.joined(separator: "&")
            return SignedRequest(
                method: request.method, path: request.path, query: query, headers: request.headers, body: request.body)
        }
        let canonical = CanonicalRequest.bytes(
            of: with(parameters), signedHeaders: headers,
            payloadHash: Hex.encode(Digest.sha256(request.body)), excluding: [])
        let key = SigningKey(secret: secret, date: day, region: Access.region, service: "kms")
        let text = CanonicalRequest.stringToSign(canonical, time: time, scope: scope)
        let signature = ("X-Amz-Signature", Hex.encode(key.signature(of: text)))
        return with(parameters + (isTokenSigned ? [] : tokenParameter) + [signature])
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                String(UnicodeScalar(byte))
            case _ where "-._~".utf8.contains(byte): String(UnicodeScalar(byte))
            default: "%" + Hex.encode([byte]).uppercased()
            }
        }.joined()
    }
}

extension Access {
    /// A session that began at ``time``, for a role unless `identity` is nil.
    func temporaryCredentials(
        lasting duration: TimeInterval, identity: String? = "AROAABCDEFGHIJKLM2345", policies: [String]? = nil
    ) throws -> TemporaryCredentials {
        var session = SessionRecord(
            account: try #require(AccountID("111122223333")), identity: identity.flatMap { UniqueID($0) },
            name: identity == nil ? nil : "run-1", issueDate: Self.time,
            expiry: Self.time.addingTimeInterval(duration))
        session.policies = policies
        let made = try keyring.makeSessionToken(
            sealing: try session.encoded(), accessKeyID: TemporaryCredentials.id)
        return TemporaryCredentials(session: session, token: made.token, secret: made.secret)
    }
}
