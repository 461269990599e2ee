import ArgumentParser
import Dispatch
import EventLoopExecutor
import Foundation
import Glibc
import KMSServer
import NIOCore
import NIOPosix

/// The command line's entry.
@main
enum Main {
    /// What a wrong command line or configuration ends the program with.
    private static let wrongConfiguration: Int32 = 2

    static func main() {
        // What any command makes is nobody else's to read.
        umask(0o077)
        // Who no longer reads what a command says must not end it in the middle of what it does.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Chatelaine.parseAsRoot()
            if let serving = command as? any ServingCommand {
                try serving.prepareProcess()
                Endpoint.prepare()
            }
            if let command = command as? any AsyncParsableCommand { run(command) }
            try command.run()
        } catch {
            end(error)
        }
    }

    private static func run(_ command: any AsyncParsableCommand) -> Never {
        // Requests then run on the event loop that their connection lives on, without a hop between thread pools.
        EventLoopExecutor.install()
        // Handed over to the task: nothing else uses it.
        nonisolated(unsafe) var command = command
        Task {
            do {
                try await command.run()
                Foundation.exit(0)
            } catch {
                end(error)
            }
        }
        dispatchMain()
    }

    private static func end(_ error: any Error) -> Never {
        if let failure = error as? CommandFailure {
            fail(failure.message, failure.isWrongConfiguration ? wrongConfiguration : 1)
        }
        // Help and version are errors to the parser, but not to anybody else.
        guard Chatelaine.exitCode(for: error) != .success else { Chatelaine.exit(withError: error) }
        fail(Chatelaine.message(for: error), wrongConfiguration)
    }

    private static func fail(_ message: String, _ code: Int32) -> Never {
        _ = Output.write("chatelaine: \(message)\n".utf8, to: STDERR_FILENO)
        Foundation.exit(code)
    }
}

/// Why a command ended without success, in one line.
struct CommandFailure: Error {
    let message: String
    /// Whether the command line, the environment or the configuration file is to blame.
    let isWrongConfiguration: Bool

    static func configuration(_ message: String) -> Self { Self(message: message, isWrongConfiguration: true) }
    static func operation(_ message: String) -> Self { Self(message: message, isWrongConfiguration: false) }

    /// The same failure with more to say of it.
    func adding(_ text: String) -> Self {
        Self(message: "\(message); \(text)", isWrongConfiguration: isWrongConfiguration)
    }
}

struct Chatelaine: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "chatelaine",
        abstract: "A key management service that speaks the AWS KMS API.",
        discussion: """
            Every option can also be given as an environment variable (--data-dir as CHATELAINE_DATA_DIR) or in a JSON \
            file named by --config ({"data-dir": "…"}); the command line comes first, then the environment, then the file.
            """,
        version: version,
        subcommands: [
            Initialize.self, Serve.self, Develop.self, AccountCommand.self, AuditCommand.self, BackupCommand.self,
            RestoreCommand.self, VerifyCommand.self, RotateRootCommand.self, SealCommand.self, UnsealCommand.self,
            StatusCommand.self, StoreCommand.self, ExplainCommand.self, ClockCommand.self, KubernetesPluginCommand.self,
        ]
    )
}
