import KMSModel
import NIOCore

/// A call that came in one piece, and by itself, as SDKs send them.
struct WholeCall {
    private static let beginning = Array("POST / HTTP/1.1\r\n".utf8)

    let call: PlainCall
    let body: [UInt8]

    /// Nil for whatever else these bytes may be, or may be a part of: the library's decoder is who says then what they are.
    ///
    /// - Parameter head: That of the call before on the connection; becomes this one's.
    init?(_ buffer: ByteBuffer, knowing head: inout RememberedHead) {
        let parts = buffer.withUnsafeReadableBytes { bytes -> (PlainCall, [UInt8])? in
            let bytes = bytes.bindMemory(to: UInt8.self)
            guard bytes.begins(with: Self.beginning) else { return nil }
            var rest = UnsafeBufferPointer(rebasing: bytes[Self.beginning.count...])
            guard let call = PlainCall(takenFrom: &rest, knowing: &head), rest.count == call.bodyLength else {
                return nil
            }
            let body = Array(rest)
            return call.isQuick(with: body) ? (call, body) : nil
        }
        guard let parts else { return nil }
        (call, body) = parts
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
    /// Whether what was read was a call, and nothing else.
    private var hasTakenAll = false

    init(_ calls: CallHandler) { self.calls = calls }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isOver, calls.answer(unwrapInboundIn(data)) {
            hasTakenAll = true
            return
        }
        isOver = true
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        defer { hasTakenAll = false }
        // Nobody else was told of anything.
        if isOver || !hasTakenAll { context.fireChannelReadComplete() }
    }
}
