import GRPCCore
import GRPCNIOTransportHTTP2Posix

/// Asks a running plugin how it is, as the API server does.
package enum PluginProbe {
    /// As long as the API server waits.
    private static let patience: Duration = .seconds(3)

    /// The Status that the plugin at `socketPath` answers.
    ///
    /// - Throws: ``PluginFailure`` when it gives no answer, or one of another version of Kubernetes' API.
    package static func status(ofSocket socketPath: String) async throws(PluginFailure) -> KeyManagement.Status {
        let response: V2_StatusResponse
        do {
            response = try await withGRPCClient(
                transport: .http2NIOPosix(target: .unixDomainSocket(path: socketPath), transportSecurity: .plaintext)
            ) { client in
                var options = CallOptions.defaults
                options.timeout = patience
                return try await V2_KeyManagementService.Client(wrapping: client)
                    .status(V2_StatusRequest(), options: options)
            }
        } catch {
            throw PluginFailure("no answer from \(socketPath): \((error as? RPCError)?.message ?? "\(error)")")
        }
        guard response.version == KeyManagement.version else {
            throw PluginFailure("\(socketPath) speaks \"\(response.version)\" and not \(KeyManagement.version)")
        }
        return KeyManagement.Status(healthz: response.healthz, keyID: response.keyID)
    }
}
