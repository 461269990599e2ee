import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// The answer to a call of the JSON protocol, whichever HTTP the call came by.
struct CallAnswer: Sendable {
    let status: Int
    let contentType: String
    let body: [UInt8]
    let requestID: String

    /// What every answer carries beside its identifier: nothing that was answered may be kept by a cache.
    static let uncached: HTTPFields = [
        .cacheControl: "no-cache, no-store, must-revalidate, private", .expires: "0", .pragma: "no-cache",
    ]

    /// The same for the framework, which adds what each of its answers has.
    var response: Response {
        var headers = Self.uncached
        headers.append(HTTPField(name: .amznRequestID, value: requestID))
        headers.append(HTTPField(name: .contentType, value: contentType))
        return Response(
            status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension CallAnswer {
    private static let base = HTTPHeaders(
        [("Server", HTTPServer.name)] + uncached.map { ($0.name.rawName, $0.value) })

    /// The head of the answer where the framework is not asked, with the same headers.
    func head(on date: String) -> HTTPResponseHead {
        var headers = Self.base
        headers.reserveCapacity(Self.base.count + 4)
        headers.add(name: "x-amzn-RequestId", value: requestID)
        headers.add(name: "Content-Type", value: contentType)
        headers.add(name: "Content-Length", value: String(body.count))
        headers.add(name: "Date", value: date)
        return HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
    }
}
