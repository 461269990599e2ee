import Hummingbird
import Logging
import NIOCore

/// The echo on the framework of the service, as a responder of its own.
enum HummingbirdEcho {
    static func run(host: String, port: Int, onReady: @escaping @Sendable (Int) -> Void) async throws {
        var logger = Logger(label: "echo")
        logger.logLevel = .warning
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in
                let body = try await request.body.collect(upTo: 1 << 20)
                return Response(
                    status: .ok, headers: [.contentType: "application/x-amz-json-1.1"],
                    body: ResponseBody(byteBuffer: body)
                )
            },
            configuration: .init(address: .hostname(host, port: port), serverName: "echo"),
            onServerRunning: { channel in onReady(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .singleton,
            logger: logger
        )
        try await application.runService()
    }
}
