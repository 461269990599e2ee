import AsyncHTTPClient
import Foundation
package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Sends requests to other servers over HTTP, each of which is answered, or has failed, by its deadline.
package final class OutboundClient: Sendable {
    /// How it reaches others.
    package struct Configuration: Sendable {
        /// A PEM file with the certificates that those of others may come from; nil for the system's.
        package var roots: String?
        /// How long a connection may take to come about.
        package var connectPatience: Duration
        /// How many connections there are to one place before a request waits for another's end.
        package var connectionCount = 8
        /// Where hosts are, other than where their names say; certificates are still those of the names.
        package var addresses: [String: String] = [:]
        /// Whether nothing but HTTP/1.1 is spoken.
        package var isHTTP1Only = false
        /// Whether names are looked up for this client alone: the library looks up one name at a time on each thread, and goes
        /// on with that when nobody wants it any more, so that others would wait for a name server that does not answer.
        package var hasThreadOfItsOwn = false

        package init(roots: String?, connectPatience: Duration) {
            self.roots = roots
            self.connectPatience = connectPatience
        }
    }

    private let client: HTTPClient
    /// Exact, where `Task.sleep` may be a tenth of its time late.
    private let timers: any EventLoop

    /// - Throws: ``OutboundFailure/noRoots(_:)`` when there are no certificates in the file.
    package init(_ configuration: Configuration) throws(OutboundFailure) {
        var tls = TLSConfiguration.makeClientConfiguration()
        // As on the server's side: before TLS 1.3 ephemeral keys and authenticated encryption only.
        tls.minimumTLSVersion = .tlsv12
        tls.cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"
        if let roots = configuration.roots {
            guard let certificates = try? NIOSSLCertificate.fromPEMFile(roots), !certificates.isEmpty else {
                throw .noRoots(roots)
            }
            tls.trustRoots = .certificates(certificates)
        }
        var settings = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(configuration.connectPatience)))
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connectionCount
        // Attempts are counted by whoever asks.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.dnsOverride = configuration.addresses
        if configuration.isHTTP1Only { settings.httpVersion = .http1Only }
        let group: any EventLoopGroup =
            configuration.hasThreadOfItsOwn
            ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : HTTPClient.defaultEventLoopGroup
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: settings)
        timers = group.any()
    }

    /// Closes the connections; nothing is sent after this.
    package func end() async { try? await client.shutdown() }

    /// Waits, as exactly as the system can.
    package func pause(_ time: Duration) async {
        try? await timers.scheduleTask(in: TimeAmount(time)) {}.futureResult.get()
    }

    /// POSTs a body and waits for the whole answer.
    ///
    /// - Parameters:
    ///   - url: Where to; `Host` is among the headers.
    ///   - limit: The most bytes that an answer may have.
    /// - Throws: ``OutboundFailure``.
    package func post(
        _ body: [UInt8], to url: String, headers: [(String, String)], answerAtMost limit: Int,
        until deadline: ContinuousClock.Instant
    ) async throws(OutboundFailure) -> (status: Int, body: ByteBuffer) {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = HTTPHeaders(headers)
        request.body = .bytes(body)
        do {
            return try await exchange(request, limit, until: deadline)
        } catch {
            throw OutboundFailure(error, limit)
        }
    }

    /// The library's own deadline ends with the head of an answer.
    ///
    /// - Throws: `CancellationError` at `deadline`.
    private func exchange(
        _ request: HTTPClientRequest, _ limit: Int, until deadline: ContinuousClock.Instant
    ) async throws -> (status: Int, body: ByteBuffer) {
        let task = Task {
            let response = try await client.execute(request, deadline: .distantFuture)
            return (Int(response.status.code), try await response.body.collect(upTo: limit))
        }
        let end = timers.scheduleTask(in: TimeAmount(ContinuousClock.now.duration(to: deadline))) { task.cancel() }
        defer { end.cancel() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}

/// Why a request to another server has no answer.
package enum OutboundFailure: Error, Sendable, Equatable {
    /// No certificates can be read from this file.
    case noRoots(String)
    /// There was no answer in time.
    case timedOut
    /// The answer has more bytes than it may.
    case tooLong(Int)
    /// There was no connection, for want of a certificate or of terms that both sides accept.
    case insecure(String)
    /// The connection ended before the answer was whole.
    case cut(String)
    /// There was no connection.
    case unreachable(String)

    private static let timeouts: [HTTPClientError] = [
        .connectTimeout, .deadlineExceeded, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout,
    ]

    private init(_ error: NIOSSLError) {
        self =
            switch error {
            // Somebody ended the connection, as who stands in front of a server that is away: nothing was said of terms.
            case .uncleanShutdown: .cut("\(error)")
            case .handshakeFailed(.sslError(let reasons)) where reasons.contains(.eofDuringHandshake): .cut("\(error)")
            default: .insecure("\(error)")
            }
    }

    fileprivate init(_ error: any Error, _ limit: Int) {
        self =
            switch error {
            case is CancellationError: .timedOut
            case is NIOTooManyBytesError: .tooLong(limit)
            case let error as NIOSSLError: Self(error)
            case is NIOSSLExtraError, is BoringSSLError: .insecure("\(error)")
            case let error as HTTPClientError where error == .remoteConnectionClosed: .cut("\(error)")
            case let error as HTTPClientError where Self.timeouts.contains(error): .timedOut
            case ChannelError.ioOnClosedChannel, ChannelError.eof, HTTPParserError.invalidEOFState: .cut("\(error)")
            case let error as IOError where [ECONNRESET, EPIPE].contains(error.errnoCode): .cut("\(error)")
            default: .unreachable("\(error)")
            }
    }
}

extension OutboundFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noRoots(let path): "cannot read certificates from \(path)"
        case .timedOut: "no answer in time"
        case .tooLong(let limit): "more than \(limit) bytes"
        case .insecure(let reason): "no secure connection: \(reason)"
        case .cut(let reason): "the connection ended: \(reason)"
        case .unreachable(let reason): reason
        }
    }
}
