import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOPosix

/// Answers every request with its own body, on the same framework and the same executor as the service.
@main
enum EchoServer {
    static func main() async throws {
        _ = NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
        let arguments = CommandLine.arguments
        let listen = arguments.firstIndex(of: "--listen").map { arguments[$0 + 1] } ?? "127.0.0.1:0"
        let parts = listen.split(separator: ":")
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
            configuration: .init(address: .hostname(String(parts[0]), port: Int(parts[1]) ?? 0), serverName: "echo"),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                FileHandle.standardOutput.write(Data("listening on http://\(parts[0]):\(port)\n".utf8))
            },
            eventLoopGroupProvider: .singleton,
            logger: logger
        )
        try await application.runService()
    }
}
