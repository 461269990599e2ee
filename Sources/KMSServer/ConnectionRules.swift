import KMSEngine
import NIOCore
import NIOHTTP1

/// Rules of a connection that the framework leaves to its user: a client that waits for leave to send its body gets it,
/// a connection that the client does not keep is closed after the answer, and so is one whose client takes too long.
///
/// Source: RFC 9110, section 10.1.1 (`Expect`), and RFC 9112, section 9.3 (persistence).
final class ConnectionRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var conversation = Conversation(at: .now())
    /// The parts that come belong to a request that will be answered.
    private var isListening = true
    /// The last request waits for leave to send its body.
    private var waits = false
    /// The next look at the conversation.
    ///
    /// There is one at a time, and it is not moved when the client gets more time: that would cost something for every
    /// request.
    private var look: (time: NIODeadline, task: Scheduled<Void>)?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(var head):
            isListening = conversation.begin()
            guard isListening else { return }
            let expectations = head.headers[canonicalForm: "expect"]
            waits = head.version == .http1_1 && expectations.contains { $0.lowercased() == "100-continue" }
            if !head.isKeepAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.fireChannelRead(wrapInboundOut(.head(head)))
            giveLeave(context)
        case .body:
            guard isListening else { return }
            waits = false
            context.fireChannelRead(data)
        case .end:
            guard isListening else { return }
            waits = false
            conversation.finish()
            context.fireChannelRead(data)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where conversation.unanswered == 0:
            // The framework's own answer to what is no request. Every answer has an identifier.
            head.headers.replaceOrAdd(name: "x-amzn-RequestId", value: RequestID.make())
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .head, .body:
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            conversation.answer()
            settle(context)
            giveLeave(context)
        }
    }

    /// Sends the interim answer, but never into the middle of the answer to an earlier request.
    private func giveLeave(_ context: ChannelHandlerContext) {
        guard waits, conversation.unanswered == 1 else { return }
        waits = false
        let leave = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(leave)), promise: nil)
    }
}

// The time that a client has.
extension ConnectionRules {
    func channelActive(context: ChannelHandlerContext) {
        settle(context)
        context.fireChannelActive()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        settle(context)
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        conversation.read(context.channel.isWritable)
        settle(context)
        context.fireChannelWritabilityChanged()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .output {
            conversation.close()
            settle(context)
        }
        context.close(mode: mode, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            conversation.end(at: .now())
            settle(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        look?.task.cancel()
        look = nil
    }

    /// Sees whose turn it is, and plans to look again no later than the client's time is over.
    private func settle(_ context: ChannelHandlerContext) {
        conversation.settle(at: .now())
        guard context.channel.isActive, let deadline = conversation.deadline else { return }
        if let look {
            guard deadline < look.time else { return }
            look.task.cancel()
        }
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.look = nil
            self.closeWhenOver(context)
        }
        look = (deadline, task)
    }

    private func closeWhenOver(_ context: ChannelHandlerContext) {
        if let deadline = conversation.deadline, deadline <= .now() {
            context.close(promise: nil)
        } else {
            settle(context)
        }
    }
}

/// Puts ``ConnectionRules`` where requests still show their version; the framework admits handlers only behind that.
final class ConnectionRulesInstaller: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(ConnectionRules(), position: .after(decoder))
        } catch {
            context.fireErrorCaught(error)
        }
    }
}
