import Foundation
import KMSEngine
import KMSServer
import Logging
import ServiceLifecycle
import UnixSignals

/// A server over an open data directory, from its first answer to its graceful end.
struct RunningService {
    let data: DataDirectory
    let address: ListenAddress
    let logger: Logger

    /// Serves until the process is asked to end, finishes the requests that are in flight, and closes the directory.
    ///
    /// - Parameter announce: Called with the service's URL once it answers.
    func run(announce: @escaping @Sendable (String) async -> Void) async throws {
        await data.engine.housekeeping.doWhatIsDue()
        let server = HTTPServer(
            engine: data.engine, host: address.host, port: address.port, descriptors: DescriptorLimit.raise(),
            logger: logger
        ) { [address] port in
            await announce(address.url(port: port))
        }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: data.engine.housekeeping), .init(service: server),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            )
        )
        do {
            try await group.run()
        } catch {
            await data.close()
            throw CommandFailure.operation("cannot serve on \(address.host):\(address.port): \(error)")
        }
        await data.close()
    }
}

/// Writes one line to standard output at once, also when that is a pipe.
func announce(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}
