import EventLoopExecutor
import Foundation
import NIOCore
import NIOPosix

/// Answers every request with its own body, as far as the framework or NIO alone allows.
///
/// On the framework and the executor of the service; with `--bare`, on NIO's HTTP/1.1 alone, on as many event loops.
@main
enum EchoServer {
    static func main() async throws {
        EventLoopExecutor.install()
        let arguments = CommandLine.arguments
        let listen = arguments.firstIndex(of: "--listen").map { arguments[$0 + 1] } ?? "127.0.0.1:0"
        let parts = listen.split(separator: ":")
        let (host, port) = (String(parts[0]), Int(parts[1]) ?? 0)
        if arguments.contains("--bare") {
            try await BareEcho.run(host: host, port: port) { announce(host, $0) }
        } else {
            try await HummingbirdEcho.run(host: host, port: port) { announce(host, $0) }
        }
    }

    /// Says where it listens, as the service does.
    private static func announce(_ host: String, _ port: Int) {
        FileHandle.standardOutput.write(Data("listening on http://\(host):\(port)\n".utf8))
    }
}
