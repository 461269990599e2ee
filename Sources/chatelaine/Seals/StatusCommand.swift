import ArgumentParser
import KMSCrypto
import KMSModel

struct StatusCommand: AsyncParsableCommand {
    /// What the control socket knows it by.
    static let name = "status"

    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show whether a server runs over a data directory, and whether it is sealed.")

    @OptionGroup var data: DataOptions

    mutating func run() async throws {
        let path = try Settings(config: data.config).value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        guard let answer = try await ControlClient(in: path)?.send(ControlRequest(Self.name)) else {
            try say("server: not running")
            let document = try CommandFailure.explaining { () throws(SealFailure) in try SealDirectory(path).document()
            }
            for line in SealDescription.lines(of: document) { try say(line) }
            return
        }
        try say("server: running")
        try Self.show(answer)
    }

    /// What a server says of itself once it has its root key.
    static func unsealed(_ kind: SealKind) -> JSONObject {
        JSONObject(["sealed": .bool(false), "kind": .string(kind.rawValue)])
    }

    /// What the control socket of a server answers that has its root key.
    static func commands(_ kind: SealKind) -> [ControlCommand] {
        [ControlCommand(name: name) { _, _ in unsealed(kind) }]
            + [UnsealCommand.name, UnsealCommand.resetName].map { name in
                ControlCommand(name: name) { _, _ in throw CommandFailure.operation("the server is not sealed") }
            }
    }

    static func show(_ answer: JSONObject) throws {
        try say("seal: \(answer.text("kind") ?? "")")
        try say("sealed: \(answer.flag("sealed") ? "yes" : "no")")
        if let given = answer.number("given"), let threshold = answer.number("threshold") {
            try say("shares: \(Int(given)) of \(Int(threshold)) given")
        }
    }
}
