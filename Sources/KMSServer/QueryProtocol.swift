import Foundation
import HTTPTypes
import Hummingbird
import KMSAccess
import KMSEngine
import KMSModel
import NIOCore
import XMLCoder

/// AWS's query protocol: the action and its members as a form, the answer as XML.
///
/// STS speaks it.
struct QueryProtocol {
    /// The version of the STS API.
    private static let version = "2011-06-15"
    private static let namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

    let identity: IdentityService

    /// Answers a request of this protocol, or nil when it is none.
    func answer(
        _ request: SignedRequest, contentType: String?, _ client: Client, _ requestID: String
    ) async -> Response? {
        guard request.path == "/" || request.path.isEmpty, let form = Self.form(of: request, contentType),
            let action = form["Action"]
        else { return nil }
        guard form["Version"] == Self.version else {
            return Self.error("InvalidAction", Self.unknown(action, form["Version"]), .badRequest, requestID)
        }
        do throws(IdentityService.Refusal) {
            let identity = try await identity.answer(request, action: action, from: client, requestID: requestID)
            return Self.xml(CallerIdentityResponse(identity), root: "GetCallerIdentityResponse", .ok, requestID)
        } catch {
            return Self.error(error, action, requestID)
        }
    }

    // MARK: Form

    /// The members of the request: in the query of a GET, in the body of a POST.
    private static func form(of request: SignedRequest, _ contentType: String?) -> [String: String]? {
        switch request.method {
        case "GET": return decode(request.query.utf8)
        case "POST" where contentType?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true:
            return decode(request.body)
        default: return nil
        }
    }

    private static func decode(_ form: some Collection<UInt8>) -> [String: String]? {
        var members: [String: String] = [:]
        for pair in form.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = unescape(parts[0]), let value = unescape(parts.count > 1 ? parts[1] : pair.prefix(0))
            else { return nil }
            members[name] = value
        }
        return members
    }

    private static func unescape(_ text: some Collection<UInt8>) -> String? {
        let spaced = text.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
        return String(validating: spaced, as: UTF8.self)?.removingPercentEncoding
    }

    // MARK: Answers

    private static func error(_ refusal: IdentityService.Refusal, _ action: String, _ requestID: String) -> Response {
        switch refusal {
        case .notAuthenticated(let failure):
            error(
                failure.queryCode, failure.message(for: .sts), HTTPResponse.Status(code: failure.queryStatus), requestID
            )
        case .unknownAction: error("InvalidAction", unknown(action, version), .badRequest, requestID)
        case .unavailable:
            error("InternalFailure", "The request could not be recorded.", .internalServerError, requestID)
        }
    }

    private static func unknown(_ action: String, _ version: String?) -> String {
        "Could not find operation \(action) for version \(version ?? "NO_VERSION_SPECIFIED")"
    }

    private static func error(
        _ code: String, _ message: String, _ status: HTTPResponse.Status, _ requestID: String
    ) -> Response {
        let type = status.code < 500 ? "Sender" : "Receiver"
        return xml(
            ErrorResponse(
                xmlns: namespace, error: .init(type: type, code: code, message: message), requestID: requestID
            ),
            root: "ErrorResponse", status, requestID
        )
    }

    private static func xml(
        _ value: some Encodable, root: String, _ status: HTTPResponse.Status, _ requestID: String
    ) -> Response {
        var headers = JSONProtocol.commonHeaders(requestID)
        headers[.contentType] = "text/xml"
        let body = (try? XMLEncoder().encode(value, withRootKey: root)) ?? Data()
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    private struct CallerIdentityResponse: Encodable, DynamicNodeEncoding {
        let xmlns = QueryProtocol.namespace
        let result: Result
        let metadata: Metadata

        struct Result: Encodable {
            let arn: String
            let userID: String
            let account: String

            enum CodingKeys: String, CodingKey {
                case arn = "Arn"
                case userID = "UserId"
                case account = "Account"
            }
        }

        struct Metadata: Encodable {
            let requestID: String

            enum CodingKeys: String, CodingKey { case requestID = "RequestId" }
        }

        enum CodingKeys: String, CodingKey {
            case xmlns
            case result = "GetCallerIdentityResult"
            case metadata = "ResponseMetadata"
        }

        init(_ identity: CallerIdentity) {
            result = Result(arn: identity.arn, userID: identity.userID, account: identity.account.description)
            metadata = Metadata(requestID: identity.requestID)
        }

        static func nodeEncoding(for key: any CodingKey) -> XMLEncoder.NodeEncoding {
            key.stringValue == CodingKeys.xmlns.stringValue ? .attribute : .element
        }
    }

    private struct ErrorResponse: Encodable, DynamicNodeEncoding {
        let xmlns: String
        let error: Details
        let requestID: String

        struct Details: Encodable {
            let type: String
            let code: String
            let message: String

            enum CodingKeys: String, CodingKey {
                case type = "Type"
                case code = "Code"
                case message = "Message"
            }
        }

        enum CodingKeys: String, CodingKey {
            case xmlns
            case error = "Error"
            case requestID = "RequestId"
        }

        static func nodeEncoding(for key: any CodingKey) -> XMLEncoder.NodeEncoding {
            key.stringValue == CodingKeys.xmlns.stringValue ? .attribute : .element
        }
    }
}
