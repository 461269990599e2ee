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
    /// What stands in front of the identifier in an answer of this status.
    private static func beginning(_ status: Int) -> [UInt8] {
        let status = HTTPResponseStatus(statusCode: status)
        let headers = [("Server", HTTPServer.name)] + uncached.map { ($0.name.rawName, $0.value) }
        return Array(
            ("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n"
                + headers.map { "\($0): \($1)\r\n" }.joined() + "x-amzn-RequestId: ").utf8)
    }

    private static let beginningOfSuccess = beginning(200)
    /// What stands between that and the body, at the most, in bytes.
    private static let mostOfRest = 240

    /// The answer as HTTP/1.1 has it (RFC 9112), where the framework is not asked; with the same headers.
    ///
    /// - Parameter date: The present time.
    func message(on date: String, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        let beginning = status == 200 ? Self.beginningOfSuccess : Self.beginning(status)
        var message = allocator.buffer(capacity: beginning.count + Self.mostOfRest + body.count)
        message.writeBytes(beginning)
        message.writeString(requestID)
        message.writeStaticString("\r\nContent-Type: ")
        message.writeString(contentType)
        message.writeStaticString("\r\nContent-Length: ")
        message.writeString(String(body.count))
        message.writeStaticString("\r\nDate: ")
        message.writeString(date)
        message.writeStaticString("\r\n\r\n")
        message.writeBytes(body)
        return message
    }
}
