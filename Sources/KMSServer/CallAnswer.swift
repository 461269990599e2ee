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
    /// What stands between that and the body, each in front of a text but the last.
    private static let (type, length, time, end): (StaticString, StaticString, StaticString, StaticString) =
        ("\r\nContent-Type: ", "\r\nContent-Length: ", "\r\nDate: ", "\r\n\r\n")
    private static let namesCount = [type, length, time, end].reduce(0) { $0 + $1.utf8CodeUnitCount }

    /// The answer as HTTP/1.1 has it (RFC 9112), where the framework is not asked; with the same headers.
    ///
    /// - Parameter date: The present time.
    func message(on date: String, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        let beginning = status == 200 ? Self.beginningOfSuccess : Self.beginning(status)
        var length = String(body.count)
        var (requestID, contentType, date) = (requestID, contentType, date)
        let texts = requestID.utf8.count + contentType.utf8.count + length.utf8.count + date.utf8.count
        let room = beginning.count + texts + Self.namesCount + body.count
        var message = allocator.buffer(capacity: room)
        // At once: of each piece by itself the buffer would find out again whether it may be written to.
        message.writeWithUnsafeMutableBytes(minimumWritableBytes: room) {
            var room = $0
            beginning.withUnsafeBytes { room.take($0) }
            room.take(&requestID)
            room.take(Self.type)
            room.take(&contentType)
            room.take(Self.length)
            room.take(&length)
            room.take(Self.time)
            room.take(&date)
            room.take(Self.end)
            body.withUnsafeBytes { room.take($0) }
            return $0.count - room.count
        }
        return message
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Puts bytes to the front; what is behind them is left.
    fileprivate mutating func take(_ bytes: UnsafeRawBufferPointer) {
        copyMemory(from: bytes)
        self = UnsafeMutableRawBufferPointer(rebasing: self[bytes.count...])
    }

    fileprivate mutating func take(_ text: inout String) { text.withUTF8 { take(UnsafeRawBufferPointer($0)) } }

    fileprivate mutating func take(_ text: StaticString) {
        take(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
