import HTTPTypes
import Hummingbird
import KMSConsole
import KMSEngine
import KMSModel
import NIOCore

/// The console as HTTP has it.
enum ConsoleEndpoint {
    /// Where the console is.
    private static let path = "/console"

    /// Whether a request is for the console.
    static func isFor(_ request: Request) -> Bool {
        let path = request.uri.path
        return path == Self.path || path.hasPrefix("\(Self.path)/")
    }

    /// Answers a request with what the console says.
    static func answer(_ request: Request, _ body: [UInt8], _ client: Client, by console: Console) async -> Response {
        guard request.method == .get || request.method == .post else {
            return response(ConsoleResponse(status: 405, headers: [("allow", "GET, POST")]))
        }
        let read = ConsoleRequest(
            isPost: request.method == .post, path: request.uri.path, query: request.uri.query ?? "",
            body: request.method == .post ? body : [], cookies: cookies(of: request),
            origin: request.headers[.origin], fetchSite: request.headers[.fetchSite], host: request.head.authority,
            client: client)
        guard let read else { return response(ConsoleResponse(status: 400)) }
        return response(await console.respond(to: read))
    }

    /// The answer to a request that was not received whole.
    static func refusal(_ error: KMSError) -> Response {
        response(ConsoleResponse(status: error.code.httpStatus))
    }

    /// Over HTTP/2 a browser may send each cookie by itself (RFC 9113, section 8.2.3).
    private static func cookies(of request: Request) -> String? {
        let values = request.headers[values: .cookie]
        return values.isEmpty ? nil : values.joined(separator: "; ")
    }

    private static func response(_ answer: ConsoleResponse) -> Response {
        var headers = HTTPFields()
        for header in ConsoleResponse.commonHeaders + answer.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            headers.append(HTTPField(name: name, value: header.value))
        }
        return Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}

extension HTTPField.Name {
    // An initializer that fails only for characters that no field name may have.
    fileprivate static let fetchSite = Self("Sec-Fetch-Site") ?? .origin
}
