import NIOCore
import NIOHTTP1

/// The way that answers to calls take to the client: past the library's encoder, which would make their bytes from a list of
/// headers that is the same in each.
///
/// On the event loop of its connection only.
struct AnswerWay {
    private let encoder: ChannelHandlerContext
    private let rules: (handler: ConnectionRules, context: ChannelHandlerContext)?

    /// - Parameter rules: What wants to hear of every answer.
    /// - Throws: When the connection is gone already.
    init(of channel: any Channel, behind rules: ConnectionRules?) throws {
        let pipeline = channel.pipeline.syncOperations
        encoder = try pipeline.context(handlerType: HTTPResponseEncoder.self)
        self.rules = try rules.map { ($0, try pipeline.context(handler: $0)) }
    }

    /// Takes note of a call that came whole.
    ///
    /// - Returns: Whether it is to be answered.
    func begin() -> Bool { rules?.handler.takeWhole() ?? true }

    /// Writes an answer, all of it, as HTTP/1.1 has it.
    func write(_ message: ByteBuffer) {
        encoder.write(NIOAny(message), promise: nil)
        if let rules { rules.handler.answered(rules.context) }
    }

    /// Sends what was written.
    func flush() { encoder.flush() }
}
