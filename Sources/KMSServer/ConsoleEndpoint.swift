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

    /// The largest form, in bytes: a policy of the greatest size, every byte of it escaped, and what stands beside it.
    private static let largestForm = 1 << 18

    /// Whether a request is for the console.
    static func isFor(_ request: Request) -> Bool {
        let path = request.uri.path
        return path.isSame(as: Self.path) || path.hasBytePrefix("\(Self.path)/")
    }

    /// Answers a request with what the console says.
    static func answer(_ request: Request, _ body: [UInt8], _ client: Client, by console: Console) async -> Response {
        guard [.get, .head, .post].contains(request.method) else {
            var answer = console.refusal(405, "Pages are asked for by GET, and forms are sent by POST.")
            answer.headers.append(("allow", "GET, HEAD, POST"))
            return response(answer)
        }
        guard body.count <= largestForm else { return response(tooLarge(console)) }
        let read = ConsoleRequest(
            isPost: request.method == .post, path: request.uri.path, query: request.uri.query ?? "",
            body: request.method == .post ? body : [], cookies: cookies(of: request),
            origin: request.headers[.origin]?.latin1, fetchSite: request.headers[.fetchSite]?.latin1,
            host: request.head.authority?.latin1,
            client: client)
        guard let read else { return response(console.refusal(400, "The request cannot be read.")) }
        return response(await console.respond(to: read))
    }

    /// The answer to a request that was not received whole.
    static func refusal(_ error: KMSError, by console: Console) -> Response {
        response(
            error.code == .requestEntityTooLarge
                ? tooLarge(console) : console.refusal(error.code.httpStatus, error.message ?? "Try again."))
    }

    private static func tooLarge(_ console: Console) -> ConsoleResponse {
        console.refusal(413, "The form is larger than any that a page here sends.")
    }

    /// Over HTTP/2 a browser may send each cookie by itself (RFC 9113, section 8.2.3).
    private static func cookies(of request: Request) -> String? {
        let values = request.headers[values: .cookie]
        return values.isEmpty ? nil : values.joined(separator: "; ").latin1
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
