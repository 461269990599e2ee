import ArgumentParser
import Foundation
import KMSCrypto
import KMSKubernetes
import Logging
import ServiceLifecycle
import UnixSignals

struct KubernetesPluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes-plugin",
        abstract: "Encrypt the secrets of a Kubernetes cluster with a key of a KMS.",
        discussion: """
            A KMS v2 plugin for the API server on the same machine; docs/kubernetes.md says how to run it. Like the AWS CLI it \
            takes AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION, AWS_CA_BUNDLE, AWS_PROFILE, \
            AWS_SHARED_CREDENTIALS_FILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN from the environment.
            """,
        subcommands: [Run.self, Check.self], defaultSubcommand: Run.self)

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer the API server (default).")
        /// How long calls may take to finish when the plugin is asked to end: longer than any of them does.
        private static let patience: Duration = .seconds(5)

        @OptionGroup var socket: PluginSocketOptions
        @OptionGroup var remote: RemoteKMSOptions

        @Option(help: "What is written to standard error: trace, debug, info, notice, warning, error or critical.")
        var logLevel: String?

        @Option(help: "How it is written: \"text\" (default), or \"json\" for one object on each line.")
        var logFormat: String?

        mutating func run() async throws {
            let environment = ProcessInfo.processInfo.environment
            let logger = try Settings(config: nil).logger(level: logLevel, format: logFormat)
            try ProcessHardening.apply()
            let path = try socket.path
            let liveness = Liveness(ServiceManager(environment: environment))
            let exchange = try remote.exchange(environment)
            let management = KeyManagement(key: try remote.key(KMSClient(exchange)), logger: logger)
            let plugin: KubernetesPlugin
            do throws(PluginFailure) {
                plugin = try await KubernetesPlugin(management, socketPath: path, logger: logger) {
                    announce("listening on unix://\(path)")
                    liveness.isReady("listening on unix://\(path)")
                }
            } catch {
                throw CommandFailure.operation(error.message)
            }
            let group = ServiceGroup(
                [plugin], endingAt: [.sigterm, .sigint], within: Self.patience, logger: logger)
            try await group.run()
            await exchange.end()
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether a running plugin works, for probes: the exit code is 0 if it does.")

        @OptionGroup var socket: PluginSocketOptions

        mutating func run() async throws {
            let path = try socket.path
            let status: KeyManagement.Status
            do throws(PluginFailure) {
                status = try await PluginProbe.status(ofSocket: path)
            } catch {
                throw CommandFailure.operation(error.message)
            }
            guard status.healthz == KeyManagement.healthy else { throw CommandFailure.operation(status.healthz) }
            try say("\(status.healthz) \(status.keyID)")
        }
    }
}

extension KubernetesPluginCommand.Run: ServingCommand {
    func prepareProcess() throws { try ServingProcess.prepare(owner: nil) }
}

/// Where the plugin is reached.
struct PluginSocketOptions: ParsableArguments {
    @Option(help: "The Unix socket that the API server connects to: a path, or unix:// and a path.")
    var socket: String

    var path: String {
        get throws {
            let path = socket.hasPrefix("unix://") ? String(socket.dropFirst("unix://".count)) : socket
            guard !path.isEmpty, !path.hasSuffix("/") else {
                throw CommandFailure.configuration("\"\(socket)\" is not the path of a socket")
            }
            return path
        }
    }
}
