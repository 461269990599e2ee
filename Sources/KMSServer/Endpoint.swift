import HTTPTypes
package import Hummingbird
import KMSAccess
import KMSConsole
package import KMSEngine
import KMSModel
package import Logging
import NIOCore

/// The HTTP side of the service: bytes in, bytes out.
///
/// It decides which API a request is for and knows nothing of keys.
package final class Endpoint: HTTPResponder, Sendable {
    /// What is known of a request beside its bytes.
    package typealias Context = ConnectionContext

    /// The largest body that is read, in bytes.
    ///
    /// It must admit a policy of 131,072 characters and an attestation document of 262,144 bytes in base64.
    package static let largestBody = 1 << 20

    /// The APIs of an engine, and the console over them.
    private final class Services: Sendable {
        let json: JSONProtocol
        let query: QueryProtocol
        let console: Console
        /// Nil where no keys are offered to another KMS.
        let keyStoreProxy: KeyStoreProxyEndpoint?

        init(_ engine: Engine) throws {
            json = JSONProtocol(pipeline: engine.pipeline, clock: engine.clockService)
            query = QueryProtocol(identity: engine.identity)
            console = try Console(engine: engine)
            keyStoreProxy = engine.keyStoreProxy.map { KeyStoreProxyEndpoint(service: $0) }
        }
    }

    /// Nil while the server is sealed.
    private let services: Services?
    private let bodies = BodyAllowance()
    private let proxies: TrustedProxies
    private let metrics: TransportMetrics
    private let logger: Logger
    /// Where calls are answered that come by the short way; nil while the server is sealed.
    let calls: CallEndpoint?

    /// Begins to make what no engine is needed for, on another thread.
    package static func prepare() { Console.prepare() }

    /// The endpoint of `engine`'s APIs, and of the console over them; of a server that is sealed when there is no engine.
    ///
    /// - Parameter proxies: Whose word counts on where a request came from.
    /// - Throws: When the console cannot be made: a defect of this program.
    package init(
        engine: Engine?, metrics: TransportMetrics, proxies: TrustedProxies = .none, logger: Logger
    ) throws {
        self.proxies = proxies
        self.metrics = metrics
        self.logger = logger
        services = try engine.map { try Services($0) }
        calls = services.map { CallEndpoint($0.json, metrics: metrics, proxies: proxies, logger: logger) }
    }

    /// Answers one request; nothing that it does wrong is an error here.
    package func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let requestID = RequestID.make()
        metrics.requestBegan()
        let response =
            if let services {
                await answer(request, from: context.peer, requestID, by: services)
            } else {
                SealedAnswer.response(to: request, requestID)
            }
        metrics.requestEnded(response.status.code)
        logger.debug(
            "Answered", metadata: ["request-id": "\(requestID)", "status": "\(response.status.code)"])
        // An answer to HEAD has no body (RFC 9110, section 9.3.2).
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(
        _ request: Request, from peer: Peer, _ requestID: String, by services: Services
    ) async -> Response {
        let (json, query, console) = (services.json, services.query, services.console)
        var reserved = 0
        defer { bodies.giveBack(reserved) }
        let proxied = services.keyStoreProxy?.call(request)
        let body: [UInt8]
        do throws(KMSError) {
            body = try await collect(
                request.body, behind: request.head, atMost: proxied?.largestBody ?? Self.largestBody,
                reserving: &reserved)
        } catch {
            if proxied != nil { return KeyStoreProxyEndpoint.refusal(error, requestID) }
            return ConsoleEndpoint.isFor(request)
                ? ConsoleEndpoint.refusal(error, by: console) : JSONProtocol.error(error, requestID).response
        }
        guard (request.head.path ?? "").isASCII else { return JSONProtocol.notACall(requestID).response }
        let signed = SignedRequest(request.head, body: body)
        let client = client(of: request, from: peer)
        if let proxied, let answer = await proxied.answer(signed, client, requestID) { return answer }
        if services.keyStoreProxy != nil, KeyStoreProxyEndpoint.isMeant(by: request) {
            return KeyStoreProxyEndpoint.notThere(requestID)
        }
        let contentType = request.headers[.contentType]?.latin1
        if let target = request.headers[.amzTarget]?.latin1 {
            return await json.answer(signed, target: target, contentType: contentType, client, requestID).response
        }
        if [.get, .head].contains(request.method), request.uri.path == "/ping" {
            return JSONProtocol.healthy(requestID)
        }
        if ConsoleEndpoint.isFor(request) {
            return await ConsoleEndpoint.answer(request, body, client, by: console)
        }
        if let answer = await query.answer(signed, contentType: contentType, client, requestID) {
            return answer
        }
        return JSONProtocol.notACall(requestID).response
    }

    /// Waits until no call is being answered any more, also of clients that are gone.
    func finish() async { await calls?.finish() }

    private func client(of request: Request, from peer: Peer) -> Client {
        let origin = proxies.origin(
            peer: peer.address, isSecure: peer.tls != nil,
            forwardedFor: request.headers[values: .forwardedFor].map(\.latin1),
            forwardedProto: request.headers[values: .forwardedProto].map(\.latin1))
        return Client(
            address: origin.address, userAgent: request.headers[.userAgent], referer: request.headers[.referer],
            isSecure: origin.isSecure, tls: peer.tls?.to(request.head.authority))
    }

    /// Reads the body, but no more of it than the limit, and no more than there is room for.
    private func collect(
        _ body: RequestBody, behind head: HTTPRequest, atMost limit: Int, reserving reserved: inout Int
    ) async throws(KMSError) -> [UInt8] {
        let held = BodyAllowance.share(of: head)
        var bytes: [UInt8] = []
        do {
            try reserve(held, having: &reserved)
            for try await part in body {
                let count = bytes.count + part.readableBytes
                guard count <= limit else { throw KMSError(.requestEntityTooLarge) }
                try reserve(held + count, having: &reserved)
                bytes.append(contentsOf: part.readableBytesView)
            }
        } catch let refusal as KMSError {
            throw refusal
        } catch {
            // The connection broke, or what came is no HTTP.
            throw KMSError(.serialization)
        }
        return bytes
    }

    private func reserve(_ count: Int, having reserved: inout Int) throws(KMSError) {
        guard bodies.reserve(count, having: &reserved) else {
            throw KMSError(.serviceUnavailable, "Too many large requests are being received. Retry the request.")
        }
    }
}

/// What is known of a request beside its bytes: the connection that it came on.
package struct ConnectionContext: Hummingbird.RequestContext {
    /// What the framework keeps for a request.
    package var coreContext: CoreRequestContextStorage
    let peer: Peer

    /// The context of a request that is answered in the task of its connection.
    package init(source: Source) {
        coreContext = .init(source: source)
        peer = .current
    }

    /// What the framework makes a context from.
    package typealias Source = ApplicationRequestContextSource
}

extension HTTPField.Name {
    // An initializer that fails only for characters that no field name may have.
    static let amzTarget = Self("X-Amz-Target") ?? .contentType
    static let amznRequestID = Self("x-amzn-RequestId") ?? .contentType
    static let host = Self("Host") ?? .contentType
    static let forwardedFor = Self("X-Forwarded-For") ?? .contentType
    static let forwardedProto = Self("X-Forwarded-Proto") ?? .contentType
    static let pragma = Self("Pragma") ?? .contentType
}

extension String {
    /// The bytes of a header, or of a path, as letters of Latin 1, which is what HTTP has beyond ASCII (RFC 9110, section 5.5).
    ///
    /// None of them is a mark on another: however such a text is compared and taken apart, that takes one pass.
    var latin1: String {
        isASCII ? self : String(String.UnicodeScalarView(utf8.map { Unicode.Scalar($0) }))
    }
}

extension SignedRequest {
    /// The request as it was signed: names in lower case, values as received, the host among the headers.
    init(_ head: HTTPRequest, body: [UInt8]) {
        let path = head.path ?? "/"
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(head.headerFields.count + 1)
        if let host = head.authority { headers.append(("host", host)) }
        for field in head.headerFields { headers.append((field.name.canonicalName, field.value)) }
        self.init(
            method: head.method.rawValue, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : "",
            headers: headers, body: body
        )
    }
}
