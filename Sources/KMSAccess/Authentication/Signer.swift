package import Foundation
import KMSCrypto
package import KMSModel

/// Signs requests in the header form, for this program's own client commands.
package struct Signer: Sendable {
    private let accessKeyID: String
    private let secret: SecretBytes

    package init(accessKeyID: String, secret: SecretBytes) {
        self.accessKeyID = accessKeyID
        self.secret = secret
    }

    /// The request with `x-amz-date` and `authorization`; all headers that it has, which must include `host`, are signed.
    package func sign(_ request: SignedRequest, region: String, service: SigningService, at now: Date) -> SignedRequest
    {
        let time = SigningTime(now)
        var request = request
        request.headers.append(("x-amz-date", time.text))
        let names = Set(request.headers.map(\.name)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let canonical = CanonicalRequest.bytes(
            of: request, signedHeaders: names, payloadHash: Hex.encode(Digest.sha256(request.body)),
            excluding: []
        )
        let scope = "\(time.day)/\(region)/\(service.name)/aws4_request"
        let text = CanonicalRequest.stringToSign(canonical, time: time.text, scope: scope)
        let key = SigningKey(secret: secret, date: String(time.day), region: region, service: service.name)
        let signature = Hex.encode(key.signature(of: text))
        request.headers.append(
            (
                "authorization",
                "\(CanonicalRequest.algorithm) Credential=\(accessKeyID)/\(scope), "
                    + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(signature)"
            ))
        return request
    }
}
