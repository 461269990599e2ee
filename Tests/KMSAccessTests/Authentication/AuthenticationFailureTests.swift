import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Testing

struct AuthenticationFailureTests {
    /// What each broken request is refused with: a sentence of AWS, and the code in either protocol.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let code: KMSError.Code
        let queryCode: String
        let queryStatus: Int
        let message: String
        let request: @Sendable () -> SignedRequest

        var testDescription: String { name }

        init(
            _ name: String, _ code: KMSError.Code, _ message: String, _ request: @escaping @Sendable () -> SignedRequest
        ) {
            self.name = name
            self.code = code
            self.message = message
            self.request = request
            let query: [KMSError.Code: (String, Int)] = [
                .missingAuthenticationToken: ("MissingAuthenticationToken", 403),
                .incompleteSignature: ("IncompleteSignature", 400), .invalidSignature: ("SignatureDoesNotMatch", 403),
                .unrecognizedClient: ("InvalidClientTokenId", 403),
            ]
            (queryCode, queryStatus) = query[code] ?? ("", 0)
        }
    }

    private static let mismatch = """
        The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
        and signing method. Consult the service documentation for details.
        """
    private static let unknown = "The security token included in the request is invalid."

    /// SHA-256 in base64, as error texts show a header.
    private static func hash(_ text: String) -> String { Base64.encode(Digest.sha256(Array(text.utf8))) }

    private static func malformed(_ header: String) -> String {
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with "
            + "Base64): '\(hash(header))'."
    }

    static let rows: [Row] = [
        Row("nothing", .missingAuthenticationToken, "Missing Authentication Token") { Access.request() },
        Row("a bearer token", .incompleteSignature, malformed("Bearer x")) {
            Access.signed().with("authorization", "Bearer x")
        },
        Row(
            "an empty header", .incompleteSignature,
            """
            Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. \
            Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64) \
            Authorization=\(hash("AWS4-HMAC-SHA256"))
            """
        ) { Access.signed().with("authorization", "AWS4-HMAC-SHA256") },
        Row(
            "no date", .incompleteSignature,
            """
            Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and \
            encoded with Base64) Authorization=\(hash("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b"))
            """
        ) {
            Access.request().with("authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b")
        },
        Row(
            "a parameter twice", .incompleteSignature,
            malformed(
                "AWS4-HMAC-SHA256 Credential=a, Credential=b, SignedHeaders=host, Signature=b"
            )
        ) {
            Access.signed().with(
                "authorization", "AWS4-HMAC-SHA256 Credential=a, Credential=b, SignedHeaders=host, Signature=b"
            )
        },
        Row(
            "a date that is none", .incompleteSignature,
            "Date must be in ISO-8601 'basic format'. Got '2026-01-02'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) { Access.signed().with("x-amz-date", "2026-01-02") },
        Row(
            "a day that does not exist", .incompleteSignature,
            "Date must be in ISO-8601 'basic format'. Got '20260230T030405Z'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) { Access.signed().with("x-amz-date", "20260230T030405Z") },
        Row(
            "a credential of four elements", .incompleteSignature,
            """
            Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
            'AKIAIOSFODNN7EXAMPLE/20260102/kms/aws4_request'
            """
        ) { Access.signed().authorization { $0.replacing("/us-east-1", with: "") } },
        Row(
            "SigV4a", .incompleteSignature,
            """
            Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
            'AKIAIOSFODNN7EXAMPLE/20260102/kms/aws4_request'
            """
        ) {
            Access.signed().authorization {
                $0.replacing("/us-east-1", with: "").replacing("AWS4-HMAC", with: "AWS4-ECDSA-P256")
            }
        },
        Row("another algorithm", .incompleteSignature, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'.") {
            Access.signed().authorization { $0.replacing("AWS4-HMAC-SHA256", with: "AWS4-HMAC-SHA512") }
        },
        Row(
            "another terminator", .invalidSignature,
            "Credential should be scoped with a valid terminator: 'aws4_request'."
        ) { Access.signed().authorization { $0.replacing("aws4_request", with: "aws5_request") } },
        Row("another service", .invalidSignature, "Credential should be scoped to correct service: 'kms'. ") {
            Access.signed(service: .sts)
        },
        Row("a region that is none", .invalidSignature, "Credential should be scoped to a valid region. ") {
            Access.signed(region: "nowhere")
        },
        Row(
            "a scope of another day", .invalidSignature,
            """
            Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260103' != \
            '20260102', from '20260102T030405Z'.
            """
        ) { Access.signed().authorization { $0.replacing("/20260102/", with: "/20260103/") } },
        Row(
            "the host not signed", .invalidSignature,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        ) { Access.signed().authorization { $0.replacing("host;", with: "") } },
        Row(
            "too old", .invalidSignature,
            """
            Signature expired: 20260102T025904Z is now earlier than 20260102T025905Z (20260102T030405Z - 5 min.)
            """
        ) { Access.signed(at: Access.time.addingTimeInterval(-301)) },
        Row(
            "too early", .invalidSignature,
            """
            Signature not yet current: 20260102T030906Z is still later than 20260102T030905Z (20260102T030405Z + 5 min.)
            """
        ) { Access.signed(at: Access.time.addingTimeInterval(301)) },
        Row("an unknown access key", .unrecognizedClient, unknown) {
            Access.signed().authorization { $0.replacing("AKIAIOSFODNN7EXAMPLE", with: "AKIAIOSFODNN7EXAMPLF") }
        },
        Row("a session token with a long-term key", .unrecognizedClient, unknown) {
            Access.signed(Access.request().with("x-amz-security-token", "token"))
        },
        Row("another secret", .invalidSignature, mismatch) { Access.signed(secret: "another") },
        Row("the target not signed", .invalidSignature, mismatch) {
            let target = "TrentService.DescribeKey"
            return Access.signed(Access.request().with("x-amz-target", nil)).with("x-amz-target", target)
        },
        Row("a second target", .invalidSignature, mismatch) {
            var request = Access.signed()
            request.headers.append(("x-amz-target", "TrentService.Decrypt"))
            return request
        },
        Row("another content hash", .invalidSignature, mismatch) {
            Access.signed(Access.request().with("x-amz-content-sha256", Hex.encode(Digest.sha256([]))))
        },
        Row("an unsigned payload", .invalidSignature, mismatch) {
            Access.signed(Access.request().with("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))
        },
        Row("signed headers out of order", .invalidSignature, mismatch) {
            Access.signed().authorization { $0.replacing("content-type;host", with: "host;content-type") }
        },
        Row("a signature in upper case", .invalidSignature, mismatch) {
            Access.signed().authorization { header in
                let parts = header.split(separator: "Signature=")
                return parts[0] + "Signature=" + parts[1].uppercased()
            }
        },
        Row("a short signature", .invalidSignature, mismatch) {
            Access.signed().authorization { String($0.dropLast(2)) }
        },
        Row("no signature at all", .invalidSignature, mismatch) {
            Access.signed().authorization { $0.split(separator: "Signature=")[0] + "Signature=" }
        },
    ]

    @Test(arguments: rows)
    func `a broken signature is refused in the words of AWS`(row: Row) throws {
        let authenticator = try Access().authenticator
        do throws(AuthenticationFailure) {
            _ = try authenticator.verify(row.request(), expecting: .kms, at: Access.time)
            Issue.record("it was accepted")
        } catch {
            #expect(error.code == row.code)
            #expect(error.message(for: .kms) == row.message)
            #expect(error.queryCode == row.queryCode)
            #expect(error.queryStatus == row.queryStatus)
            #expect(KMSError(error).message == row.message)
        }
    }

    @Test func `two Authorization headers are one too many`() throws {
        var request = Access.signed()
        request.headers.append(("authorization", request.headers.last?.value ?? ""))
        #expect(throws: AuthenticationFailure.self) {
            try Access().authenticator.verify(request, expecting: .kms, at: Access.time)
        }
    }

    @Test func `header and query are not both used`() throws {
        let request = Access.signed()
        let both = SignedRequest(
            method: "POST", path: "/", query: "X-Amz-Algorithm=AWS4-HMAC-SHA256", headers: request.headers,
            body: request.body
        )
        #expect(throws: AuthenticationFailure.signedTwice) {
            try Access().authenticator.verify(both, expecting: .kms, at: Access.time)
        }
    }

    @Test func `only hosted regions are served, but STS is also reached through us-east-1`() throws {
        let region = try #require(Region("eu-central-1"))
        let access = try Access(regions: .only([region]))
        #expect(throws: AuthenticationFailure.wrongRegion) {
            try access.authenticator.verify(Access.signed(), expecting: .kms, at: Access.time)
        }
        let hosted = Access.signed(region: "eu-central-1")
        #expect(try access.authenticator.verify(hosted, expecting: .kms, at: Access.time).region == region)
        let global = Access.signed(service: .sts)
        #expect(throws: Never.self) { try access.authenticator.verify(global, expecting: .sts, at: Access.time) }
    }

    @Test(arguments: [(-300.0, true), (-301, false), (300, true), (301, false)])
    func `the window of KMS is five minutes to either side`(offset: TimeInterval, isAccepted: Bool) throws {
        let request = Access.signed(at: Access.time.addingTimeInterval(offset))
        let caller = try? Access().authenticator.verify(request, expecting: .kms, at: Access.time)
        #expect((caller != nil) == isAccepted)
    }

    @Test(arguments: [(-900.0, true), (-901, false), (900, true), (901, false)])
    func `the window of STS is fifteen minutes, whatever a presigned request says`(
        offset: TimeInterval, isAccepted: Bool
    ) throws {
        let vector = try #require(try SignatureVector.all("botocore").last)
        let caller = try? Access().authenticator.verify(
            vector.request, expecting: .sts, at: Access.time.addingTimeInterval(-offset)
        )
        #expect((caller != nil) == isAccepted)
    }
}
