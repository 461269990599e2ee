import Foundation
import HummingbirdCore
import KMSEngine
import Logging
import NIOCore
import NIOHTTP2
import NIOSSL
import NIOTLS

/// How a connection that was accepted becomes requests: HTTP/1.1, or with certificates TLS and in it what the client wants.
struct ConnectionSetup: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Fails for who does not finish the handshake.
        fileprivate let connection: EventLoopFuture<Connection>
    }

    fileprivate enum Connection: Sendable {
        case http1(HTTP1Channel.Value, Peer)
        case http2(HTTP2Connection.Streams, Peer)
    }

    private let endpoint: Endpoint
    private let http1: HTTP1Channel
    private let http2: HTTP2Connection
    private let certificates: Certificates?
    private let metrics: TransportMetrics

    init(
        _ responder: @escaping HTTPChannelHandler.Responder, _ endpoint: Endpoint,
        configuration: HTTP1Channel.Configuration, certificates: Certificates?, metrics: TransportMetrics
    ) {
        self.endpoint = endpoint
        http1 = HTTP1Channel(responder: responder, configuration: configuration)
        http2 = HTTP2Connection(requests: http1, admission: StreamAdmission(), metrics: metrics)
        self.certificates = certificates
        self.metrics = metrics
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        metrics.connectionOpened()
        channel.closeFuture.whenComplete { [metrics] _ in metrics.connectionClosed() }
        guard let certificates else {
            let connection = setUp(channel, Peer(of: channel), logger)
            return connection.map { connection in
                Value(channel: channel, connection: channel.eventLoop.makeSucceededFuture(connection))
            }
        }
        return channel.eventLoop.makeCompletedFuture {
            Value(channel: channel, connection: try secure(channel, with: certificates.context, logger))
        }
    }

    private func secure(
        _ channel: any Channel, with context: NIOSSLContext, _ logger: Logger
    ) throws -> EventLoopFuture<Connection> {
        let pipeline = channel.pipeline.syncOperations
        let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Connection> { protocolName, channel in
            secured(channel, protocolName, logger)
        }
        try pipeline.addHandlers([HandshakeRules(), NIOSSLServerHandler(context: context), negotiation])
        let connection = negotiation.protocolNegotiationResult
        connection.whenComplete { [metrics] result in
            if case .success = result { metrics.handshakeFinished() } else { metrics.handshakeFailed() }
        }
        return connection
    }

    /// Goes on with a connection whose handshake is finished.
    private func secured(
        _ channel: any Channel, _ protocolName: ALPNResult, _ logger: Logger
    ) -> EventLoopFuture<Connection> {
        do {
            let pipeline = channel.pipeline.syncOperations
            try checkEnd(of: pipeline.nioSSL_peerCertificate())
            let handshake = try pipeline.handler(type: HandshakeRules.self)
            let peer = Peer(of: channel, tls: handshake.flight.agreement)
            pipeline.removeHandler(handshake, promise: nil)
            if case .negotiated("h2") = protocolName {
                return channel.eventLoop.makeSucceededFuture(.http2(try http2.setUp(channel), peer))
            }
            return setUp(channel, peer, logger)
        } catch {
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    /// Sets a connection up for HTTP/1.1: the framework's requests, and before them calls, which are answered at once.
    private func setUp(_ channel: any Channel, _ peer: Peer, _ logger: Logger) -> EventLoopFuture<Connection> {
        http1.setup(channel: channel, logger: logger).flatMapThrowing { requests in
            let rules = try channel.pipeline.syncOperations.handler(type: ConnectionRules.self)
            try endpoint.answerCalls(on: channel, from: peer, behind: rules)
            return .http1(requests, peer)
        }
    }

    /// A session of before that is taken up again brings its certificate with it, which nobody verifies then.
    private func checkEnd(of certificate: NIOSSLCertificate?) throws(TLSFailure) {
        guard let certificate, Date().timeIntervalSince1970 > TimeInterval(certificate.notValidAfter) else { return }
        throw TLSFailure("the client's certificate has expired")
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.connection.get() {
            case .http1(let requests, let peer):
                await Peer.$current.withValue(peer) { await http1.handle(value: requests, logger: logger) }
            case .http2(let streams, let peer):
                await Peer.$current.withValue(peer) { await http2.serve(streams, logger: logger) }
            }
        } catch {
            logger.debug("A connection ended in its handshake", metadata: ["reason": "\(error)"])
        }
    }
}
