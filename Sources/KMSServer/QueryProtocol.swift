import Foundation
import HTTPTypes
import Hummingbird
import KMSAccess
import KMSEngine
import KMSIdentity
import KMSModel
import NIOCore
import XMLCoder

/// AWS's query protocol: the action and its members as a form, the answer as XML.
///
/// IAM and STS speak it; the version of the API tells them apart.
struct QueryProtocol {
    let identity: IdentityService

    /// Answers a request of this protocol, or nil when it is none: one that has neither an action nor a form.
    func answer(
        _ request: SignedRequest, contentType: String?, _ client: Client, _ requestID: String
    ) async -> Response? {
        guard request.path.isSame(as: "/") || request.path.isEmpty, ["GET", "POST"].contains(request.method) else {
            return nil
        }
        let hasForm = request.method == "POST" && Self.isForm(contentType)
        guard let members = Self.members(of: request, withBody: hasForm) else {
            return hasForm || Self.hasAction(request.query)
                ? Self.error("MalformedQueryString", "The query string contains a syntax error", 400, .sts, requestID)
                : nil
        }
        guard let action = members["Action"] else {
            return hasForm
                ? Self.error("MissingAction", "The request is missing an Action parameter", 400, .sts, requestID) : nil
        }
        guard let api = IdentityService.API(version: members["Version"]) else {
            return Self.unknown(action, members["Version"], .sts, requestID)
        }
        do throws(IdentityService.Refusal) {
            let result = try await identity.answer(
                request, members, action: action, of: api, from: client, requestID: requestID)
            return Self.response(result, action, api, requestID)
        } catch {
            switch error {
            case .notAuthenticated(let failure):
                return Self.error(
                    failure.queryCode, failure.message(for: api == .iam ? .iam : .sts), failure.queryStatus, api,
                    requestID)
            case .unknownAction: return Self.unknown(action, members["Version"], api, requestID)
            case .refused(let failure):
                return Self.error(failure.code, failure.message, failure.status, api, requestID)
            }
        }
    }

    // MARK: Form

    static func isForm(_ contentType: String?) -> Bool {
        contentType?.hasBytePrefix(ignoringCase: "application/x-www-form-urlencoded") == true
    }

    /// Whether a query looks like a call, readable or not.
    static func hasAction(_ query: String?) -> Bool {
        query.map { BytePattern("Action=".utf8).isFound(in: Array($0.utf8)[...]) } ?? false
    }

    /// The members of the request: in its query, in the body of a form, or in both.
    ///
    /// - Returns: Nil for what cannot be read, or has two members of one name: which of them counts is not to be guessed.
    private static func members(of request: SignedRequest, withBody: Bool) -> [String: String]? {
        var members: [String: String] = [:]
        guard decode(request.query.utf8, into: &members), !withBody || decode(request.body, into: &members) else {
            return nil
        }
        return members
    }

    private static func decode(_ form: some Collection<UInt8>, into members: inout [String: String]) -> Bool {
        guard let pairs = FormEncoding.pairs(in: form) else { return false }
        // No member of any operation has a name beyond ASCII: others are nowhere, and cost nothing. What stands under one is
        // refused with any mark at all, be it a name, an ARN, a description, a tag or a policy.
        return pairs.lazy.filter(\.name.isASCII).allSatisfy {
            members.updateValue($0.value.streamSafe, forKey: $0.name) == nil
        }
    }

    // MARK: Answers

    private static func response(
        _ result: QueryValue?, _ action: String, _ api: IdentityService.API, _ requestID: String
    ) -> Response {
        let metadata = QueryValue(["RequestId": .text(requestID)])
        let answer = QueryValue(["\(action)Result": result, "ResponseMetadata": metadata])
        return xml(answer, root: "\(action)Response", .ok, api, requestID)
    }

    private static func unknown(
        _ action: String, _ version: String?, _ api: IdentityService.API, _ requestID: String
    ) -> Response {
        let text = "Could not find operation \(action) for version \(version ?? "NO_VERSION_SPECIFIED")"
        return error("InvalidAction", text, 400, api, requestID)
    }

    static func error(
        _ code: String, _ message: String, _ status: Int, _ api: IdentityService.API, _ requestID: String
    ) -> Response {
        let details = QueryValue([
            "Type": .text(status < 500 ? "Sender" : "Receiver"), "Code": .text(code),
            "Message": .text(printable(message)),
        ])
        return xml(
            QueryValue(["Error": details, "RequestId": .text(requestID)]), root: "ErrorResponse",
            HTTPResponse.Status(code: status), api, requestID)
    }

    /// The text without what XML has no way to write: a request can bring any character.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { scalar in
                    switch scalar.value {
                    case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
                    default: false
                    }
                }))
    }

    private static func xml(
        _ value: QueryValue, root: String, _ status: HTTPResponse.Status, _ api: IdentityService.API,
        _ requestID: String
    ) -> Response {
        var headers = CallAnswer.uncached
        headers[.amznRequestID] = requestID
        headers[.contentType] = "text/xml"
        let encoder = XMLEncoder()
        // A bare carriage return reads as a line feed (XML 1.0, 2.11).
        encoder.charactersEscapedInElements.append(("\r", "&#xD;"))
        let body = try? encoder.encode(
            XMLAnswer(value), withRootKey: root, rootAttributes: ["xmlns": api.namespace])
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body ?? Data())))
    }
}

extension IdentityService.API {
    private static let (iamVersion, stsVersion) = ("2010-05-08", "2011-06-15")

    fileprivate init?(version: String?) {
        switch version {
        case Self.iamVersion: self = .iam
        case Self.stsVersion: self = .sts
        default: return nil
        }
    }

    fileprivate var namespace: String {
        switch self {
        case .iam: "https://iam.amazonaws.com/doc/\(Self.iamVersion)/"
        case .sts: "https://sts.amazonaws.com/doc/\(Self.stsVersion)/"
        }
    }
}

/// An answer as elements of XML: members by their names, the entries of lists as `member`.
private struct XMLAnswer: Encodable {
    private let value: QueryValue

    init(_ value: QueryValue) { self.value = value }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        switch value {
        case .text(let text):
            var container = encoder.singleValueContainer()
            try container.encode(text)
        case .list(let values):
            var container = encoder.container(keyedBy: Name.self)
            if !values.isEmpty { try container.encode(values.map(Self.init), forKey: Name("member")) }
        case .structure(let members):
            var container = encoder.container(keyedBy: Name.self)
            for member in members { try container.encode(Self(member.value), forKey: Name(member.name)) }
        }
    }
}
