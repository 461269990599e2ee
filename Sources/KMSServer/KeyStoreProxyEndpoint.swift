import HTTPTypes
import Hummingbird
import KMSAccess
import KMSEngine
import KMSModel

/// The External Key Store Proxy API as HTTP has it.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2.
struct KeyStoreProxyEndpoint {
    private static let contentType = "application/json"

    let service: KeyStoreProxyService

    /// A request that is for a proxy.
    struct Call {
        /// The largest body that is read, in bytes: twice as much as the longest that the specification knows.
        let largestBody = 1 << 16

        fileprivate let path: KeyStoreProxyPath
        fileprivate let service: KeyStoreProxyService
        fileprivate let method: HTTPRequest.Method

        /// Answers the request; nil when the proxy is gone meanwhile.
        func answer(_ request: SignedRequest, _ client: Client, _ requestID: String) async -> Response? {
            guard method == .post else { return KeyStoreProxyEndpoint.wrongMethod(requestID) }
            guard let answer = await service.answer(request, at: path, from: client, requestID: requestID) else {
                return nil
            }
            return KeyStoreProxyEndpoint.response(answer, requestID)
        }
    }

    /// The request, if there is a proxy where it goes.
    func call(_ request: Request) -> Call? {
        guard let path = Self.path(of: request), service.isThere(path) else { return nil }
        return Call(path: path, service: service, method: request.method)
    }

    /// Whether there could be a proxy where a request goes.
    static func canBeFor(_ request: Request) -> Bool { path(of: request) != nil }

    /// Whether a request looks for a proxy, of whatever version, and be it where none can be.
    static func isMeant(by request: Request) -> Bool { sign.isFound(in: Array(text(of: request).utf8)[...]) }

    private static let sign = BytePattern("/kms/xks/v".utf8)

    private static func path(of request: Request) -> KeyStoreProxyPath? { KeyStoreProxyPath(text(of: request)) }

    private static func text(of request: Request) -> String {
        String(Substring((request.head.path ?? "").utf8.prefix { $0 != UInt8(ascii: "?") }))
    }

    // MARK: Answers

    /// The answer to a request that was not received whole.
    static func refusal(_ error: KMSError, _ requestID: String) -> Response {
        let refusal =
            switch error.code {
            case .requestEntityTooLarge: KeyStoreProxyError(.validation, "The body is too large.")
            case .serviceUnavailable:
                KeyStoreProxyError(.throttling, "Too many large requests are being received.")
            default: KeyStoreProxyError(.validation, "The body was not received whole.")
            }
        return response(.init(refusal), requestID)
    }

    /// The answer where there is no proxy.
    static func notThere(_ requestID: String) -> Response {
        let error = KeyStoreProxyError(.invalidURIPath, "No key store proxy is at this path.")
        return response(.init(error), requestID)
    }

    /// The answer of a server without its root key.
    static func sealed(_ message: String, _ requestID: String) -> Response {
        response(.init(KeyStoreProxyError(.dependencyTimeout, message)), requestID)
    }

    /// Source: the specification, "API operations": 405 for GET.
    fileprivate static func wrongMethod(_ requestID: String) -> Response {
        let error = KeyStoreProxyError(.unsupportedOperation, "Requests to a key store proxy are sent by POST.")
        var answer = response(.init(status: HTTPResponse.Status.methodNotAllowed.code, body: error.body), requestID)
        answer.headers[.allow] = "POST"
        return answer
    }

    fileprivate static func response(_ answer: KeyStoreProxyService.Answer, _ requestID: String) -> Response {
        CallAnswer(status: answer.status, contentType: contentType, body: answer.body, requestID: requestID).response
    }
}
