import NIOCore

/// A call that came in one piece, and by itself, as SDKs send them.
struct WholeCall {
    private static let beginning = Array("POST / HTTP/1.1\r\n".utf8)

    let call: PlainCall
    let body: [UInt8]

    /// Nil for whatever else these bytes may be, or may be a part of: the library's decoder is who says then what they are.
    init?(_ buffer: ByteBuffer) {
        guard let found = buffer.withUnsafeReadableBytes({ Self.parts(of: $0.bindMemory(to: UInt8.self)) }) else {
            return nil
        }
        (call, body) = found
    }

    private static func parts(of bytes: UnsafeBufferPointer<UInt8>) -> (PlainCall, [UInt8])? {
        guard bytes.starts(with: beginning) else { return nil }
        var position = beginning.count
        let call = PlainCall {
            let rest = UnsafeBufferPointer(rebasing: bytes[position...])
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")), end > 0, rest[end - 1] == UInt8(ascii: "\r") else {
                return nil
            }
            position += end + 1
            return UnsafeBufferPointer(rebasing: rest[..<(end - 1)])
        }
        guard let call, bytes.count - position == call.bodyLength else { return nil }
        let body = Array(bytes[position...])
        return call.isQuick(with: body) ? (call, body) : nil
    }
}

/// Looks for calls in what a connection brings before the library's decoder does, which makes a text of each name and value,
/// and of all of them objects: half of what HTTP takes of a call's time.
///
/// From the first bytes on that are not one plain call, whole and by itself, everything goes to the decoder: so it has seen all
/// of what it has to find the beginning of a request in.
final class WholeCallReader: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let calls: CallHandler
    private var isOver = false

    init(_ calls: CallHandler) { self.calls = calls }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isOver, calls.answer(unwrapInboundIn(data)) { return }
        isOver = true
        context.fireChannelRead(data)
    }
}
