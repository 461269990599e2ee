import HTTPTypes
import Hummingbird
package import KMSEngine
import KMSModel
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The listener for those who watch over the server: plain HTTP, on an address of its own.
///
/// It answers whoever reaches it, so it belongs on the loopback interface or in a network of operators. It tells no key's
/// policy and no caller, but identifiers of keys whose material ends.
package struct MonitorServer: Service {
    /// A few scrapers and probes.
    private static let mostConnections = 64
    /// How long a connection may keep others out that asks nothing, or does not come to the end of it.
    private static let idleLimit: TimeAmount = .seconds(3)

    private let application: Application<MonitorEndpoint>

    /// - Parameters:
    ///   - version: That of the program.
    ///   - onReady: Called with the port once the listener answers.
    package init(
        _ monitoring: Monitoring, version: String, host: String, port: Int, logger: Logger,
        onReady: @escaping @Sendable (Int) async -> Void
    ) {
        application = Application(
            responder: MonitorEndpoint(monitoring: monitoring, version: version),
            server: .http1(
                configuration: HTTPServer.http1(metrics: nil) {
                    Conversation(at: .now(), idleLimit: Self.idleLimit, patience: Self.idleLimit)
                }),
            configuration: .init(
                address: .hostname(host, port: port), serverName: "Chatelaine",
                availableConnectionsDelegate: ConnectionLimit(Self.mostConnections, logger: logger)
            ),
            onServerRunning: { channel in await onReady(channel.localAddress?.port ?? port) },
            eventLoopGroupProvider: .singleton,
            logger: HTTPServer.frameworkLogger(logger)
        )
    }

    /// Answers until the process is asked to end.
    package func run() async throws {
        try await application.run()
    }
}

/// What the listener answers.
struct MonitorEndpoint: HTTPResponder {
    typealias Context = ConnectionContext

    /// Prometheus's text format.
    private static let textFormat = "text/plain; version=0.0.4; charset=utf-8"

    let monitoring: Monitoring
    let version: String

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        guard request.method == .get || request.method == .head else {
            return Self.response(.methodNotAllowed, "text/plain", "GET only\n")
        }
        switch request.uri.path.latin1 {
        case "/health/live": return Self.status(.ok, "live", [])
        case "/health/ready":
            let problems = await monitoring.problems()
            guard problems.isEmpty else { return Self.status(.serviceUnavailable, "unavailable", problems) }
            return Self.status(.ok, "ready", monitoring.remarks)
        case "/metrics":
            let text = await NIOThreadPool.singleton.away { monitoring.exposition(version: version) }
            return Self.response(.ok, Self.textFormat, text)
        default: return Self.response(.notFound, "text/plain", "/health/live, /health/ready or /metrics\n")
        }
    }

    private static func status(_ code: HTTPResponse.Status, _ status: String, _ reasons: [String]) -> Response {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("status")
            writer.string(status)
            guard !reasons.isEmpty else { return }
            writer.name("reasons")
            writer.array { writer in for reason in reasons { writer.string(reason) } }
        }
        writer.lineFeed()
        return response(code, "application/json", String(decoding: writer.bytes, as: UTF8.self))
    }

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
