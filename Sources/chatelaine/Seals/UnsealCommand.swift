import ArgumentParser
import KMSCrypto
import KMSModel
import NIOPosix

struct UnsealCommand: AsyncParsableCommand {
    /// What the control socket knows it by.
    static let name = "unseal"
    static let resetName = "unseal-reset"

    static let configuration = CommandConfiguration(
        commandName: "unseal", abstract: "Give a key share to a server that waits for it.",
        discussion: """
            Each share holder does it once. The share is asked for, or read from a file or standard input; the server keeps it in \
            memory until there are enough, and forgets all of them then.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(help: "A file with the share, or - for standard input (default: a prompt).")
    var shareFile: String?

    @Flag(help: "Make the server forget the shares that were given.")
    var reset = false

    mutating func run() async throws {
        let path = try Settings(config: data.config).value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        try ProcessHardening.apply()
        guard let client = try ControlClient(in: path) else { throw Self.notRunning(path) }
        let request = reset ? ControlRequest(Self.resetName) : try await unseal()
        guard let answer = try await client.send(request) else { throw Self.notRunning(path) }
        try StatusCommand.show(answer)
    }

    private func unseal() async throws -> ControlRequest {
        // A letter that is wrong is found here, before it goes anywhere.
        let share = try await NIOThreadPool.singleton.runIfActive { [shareFile] in
            try shareFile.map(ShareText.read(inFile:)) ?? ShareText.ask("Key share")
        }
        let text = share.withText { String(decoding: $0, as: UTF8.self) }
        return ControlRequest(Self.name, JSONObject(["share": .string(text)]))
    }

    private static func notRunning(_ path: String) -> CommandFailure {
        .operation("no server runs over \(path)")
    }
}
