import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Testing

/// A signed request of a published collection, or of an independent signer.
struct SignatureVector: Decodable, Sendable, CustomTestStringConvertible {
    let name: String?
    let method: String
    let path: String
    let query: String
    let headers: [[String]]
    let body: String
    let signedHeaders: String?
    let time: String?
    let signature: String?

    var testDescription: String { name ?? "\(method) \(path)?\(query)" }

    var request: SignedRequest {
        SignedRequest(
            method: method, path: path, query: query, headers: headers.map { ($0[0], $0[1]) }, body: Array(body.utf8)
        )
    }

    static func all(_ file: String) throws -> [SignatureVector] {
        let vectors = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Vectors/sigv4/\(file).json")
        return try JSONDecoder().decode([SignatureVector].self, from: Data(contentsOf: vectors))
    }
}

struct SignatureVectorTests {
    @Test(arguments: try SignatureVector.all("aws-suite"))
    func `the stages give the published signature`(vector: SignatureVector) throws {
        let signedHeaders = try #require(vector.signedHeaders).split(separator: ";").map(String.init)
        let canonical = CanonicalRequest.bytes(
            of: vector.request, signedHeaders: signedHeaders,
            payloadHash: Hex.encode(Digest.sha256(vector.request.body)), excluding: ["X-Amz-Signature"]
        )
        let text = CanonicalRequest.stringToSign(
            canonical, time: try #require(vector.time), scope: "20150830/us-east-1/service/aws4_request"
        )
        let secret = SecretBytes(copying: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".utf8)
        let key = SigningKey(secret: secret, date: "20150830", region: "us-east-1", service: "service")
        #expect(Hex.encode(key.signature(of: text)) == vector.signature)
    }

    @Test(arguments: try SignatureVector.all("botocore"))
    func `what botocore signs is verified`(vector: SignatureVector) throws {
        let service: SigningService = vector.method == "GET" ? .sts : .kms
        let caller = try Access().authenticator.verify(vector.request, expecting: service, at: Access.time)
        #expect(caller.accessKeyID == Access.accessKeyID)
        #expect(caller.region.description == "us-east-1")
    }

    @Test func `there are as many vectors as were written`() throws {
        #expect(try SignatureVector.all("aws-suite").count == 23)
        #expect(try SignatureVector.all("botocore").count == 8)
    }

    /// Computed with botocore: the specification notes of this project, section 3.
    @Test func `the worked example comes out`() throws {
        let request = SignedRequest(
            method: "POST", path: "/", query: "",
            headers: [
                ("host", "127.0.0.1:8080"), ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-date", "20260102T030405Z"), ("x-amz-target", "TrentService.DescribeKey"),
            ],
            body: Array(#"{"KeyId":"alias/a"}"#.utf8)
        )
        let payloadHash = Hex.encode(Digest.sha256(request.body))
        #expect(payloadHash == "26bf5a4998dc23d67ca5ad5613737745adfc0305e183057016a1a7cc51d0fbcb")
        let canonical = CanonicalRequest.bytes(
            of: request, signedHeaders: ["content-type", "host", "x-amz-date", "x-amz-target"],
            payloadHash: payloadHash,
            excluding: []
        )
        #expect(
            Hex.encode(Digest.sha256(canonical)) == "bc950ce97a14b8dcb54449d9143330f5af935bd8ede3beffd35c478a38c9bac7"
        )
    }
}
