import HummingbirdCore
import KMSEngine
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2

/// A connection of HTTP/2: its streams, each of which is one request.
///
/// The framework has such a connection too, but one that nobody can set up: its limits are NIO's, and a client that does not
/// answer its last ping keeps an idle one for ever.
struct HTTP2Connection: Sendable {
    typealias Stream = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    typealias Streams = NIOHTTP2Handler.AsyncStreamMultiplexer<Stream>

    /// Requests at a time on one connection (RFC 9113, section 6.5.2, recommends no fewer).
    private static let mostStreams = 100
    /// Answers to control frames that the client does not read.
    private static let mostBufferedControlFrames = 1000

    /// Answers the requests; a stream has no more than one.
    let requests: HTTP1Channel
    let admission: StreamAdmission
    let metrics: TransportMetrics

    private var configuration: NIOHTTP2Handler.Configuration {
        let limits = requests.configuration.httpDecoder
        var configuration = NIOHTTP2Handler.Configuration()
        configuration.connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: Self.mostStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.maxHeaderListSize),
        ]
        configuration.connection.maximumBufferedControlFrames = Self.mostBufferedControlFrames
        return configuration
    }

    /// Puts the protocol and its rules behind what `channel` has already.
    func setUp(_ channel: any Channel) throws -> Streams {
        let rules = HTTP2ConnectionRules()
        let isolated = NIOLoopBound(rules, eventLoop: channel.eventLoop)
        let streams = try channel.pipeline.syncOperations.configureAsyncHTTP2Pipeline(
            mode: .server, configuration: configuration
        ) { stream in
            stream.eventLoop.makeCompletedFuture { try setUp(stream, under: isolated.value) }
        }
        try channel.pipeline.syncOperations.addHandler(rules)
        return streams
    }

    private func setUp(_ stream: any Channel, under rules: HTTP2ConnectionRules) throws -> Stream {
        let others = rules.streamCount
        let id = try stream.syncOptions?.getOption(HTTP2StreamChannelOptions.streamID) ?? .rootStream
        guard rules.begin(id, stream) else { throw ChannelError.ioOnClosedChannel }
        let isAdmitted = admission.begin(beside: others)
        stream.closeFuture.assumeIsolated().whenComplete { [admission] _ in
            admission.end()
            rules.end(id)
        }
        let pipeline = stream.pipeline.syncOperations
        try pipeline.addHandler(HTTP2FramePayloadToHTTPServerCodec())
        try pipeline.addHandler(
            StreamRules(
                under: rules, isAdmitted: isAdmitted,
                mostFields: requests.configuration.httpDecoder.maxHeaderFieldCount, metrics: metrics))
        return try NIOAsyncChannel(wrappingChannelSynchronously: stream)
    }

    /// Answers requests until the connection is closed.
    func serve(_ streams: Streams, logger: Logger) async {
        do {
            try await withThrowingDiscardingTaskGroup { group in
                for try await stream in streams.inbound {
                    group.addTask { await requests.handle(value: stream, logger: logger) }
                }
            }
        } catch {
            logger.debug("A connection of HTTP/2 ended", metadata: ["reason": "\(error)"])
        }
    }
}
