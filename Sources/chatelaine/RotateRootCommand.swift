import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import NIOPosix

struct RotateRootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-root", abstract: "Replace the root key, and wrap everything in the store anew.",
        discussion: """
            The server goes on answering; without one that runs it is done here. If it is interrupted, the next start of the \
            server goes on. Afterwards keep a copy of the new root key in a safe place; copies of the store that were made \
            before need the old one.
            """
    )

    @OptionGroup var data: DataOptions
    @OptionGroup var seal: SealOptions

    @Flag(
        help: """
            Take no temporary credentials any more that were made under the old root key, for when others may have it. \
            Without this they are taken for their 36 hours.
            """)
    var endSessions = false

    mutating func run() async throws {
        let settings = try Settings(config: data.config)
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        let display = ProgressDisplay("wrapped anew")
        if let client = try ControlClient(in: path) {
            let request = ControlRequest(
                RootRotation.command, JSONObject(["endSessions": .bool(endSessions)]))
            if let answer = try await client.send(request, onProgress: display.show) {
                return Self.report(answer, on: path, display)
            }
        }
        let endSessions = endSessions
        try await DataDirectory.use(data, seal) { directory in
            let answer = try await directory.rotateRoot(endingSessions: endSessions) { display.show($0) }
            Self.report(answer, on: path, display)
        }
    }

    private static func report(_ answer: JSONObject, on path: String, _ display: ProgressDisplay) {
        display.end()
        let count = Int(answer.number("secrets") ?? 0)
        announce("The root key is new, and \(count) secrets are wrapped under it.")
        if let kind = answer.text("kind").flatMap(SealKind.init(rawValue:)) {
            announce(kind.adviceAfterRotation(in: path))
            if kind == .file, answer.flag("isShared") {
                announce("The other nodes need a copy of it in their directories before they start again.")
            }
        }
        let damaged = Int(answer.number("damaged") ?? 0)
        guard damaged > 0 else { return }
        announce("\(damaged) records open under neither root key, and are left as they are:")
        for record in answer.texts("records") { announce(record) }
    }
}

extension RootRotation {
    /// The name that a server knows it by.
    static let command = "rotate-root"
}

extension SealKind {
    /// What is to be done about copies once the seal in the directory at `path` has a new root key.
    fileprivate func adviceAfterRotation(in path: String) -> String {
        let file = "\(path)/\(self == .file ? SealDirectory.rootKeyName : SealDirectory.documentName)"
        let rest =
            switch self {
            case .file: ""
            case .passphrase: " The passphrase is the same as before."
            case .pkcs11: " The token, its key and the PIN are the same as before."
            case .shares: " The key shares are the same as before."
            }
        return "Keep a new copy of \(file) in a safe place: no other one has the new root key.\(rest)"
    }
}

extension DataDirectory {
    /// How many records an answer names.
    private static let mostNames = 100

    /// Replaces the root key.
    ///
    /// - Throws: ``CommandFailure``.
    func rotateRoot(
        endingSessions: Bool, _ onProgress: @Sendable (JSONObject) async -> Void
    ) async throws -> JSONObject {
        do {
            let report = try await whileAlone {
                try await engine.rootRotation.rotate(endingSessions: endingSessions, sealing: sealing) {
                    await onProgress(JSONObject(["done": .number("\($0.done)"), "all": .number("\($0.all)")]))
                }
            }
            return JSONObject([
                "secrets": .number("\(report.renewed)"), "kind": .string(seal.kind.rawValue),
                "damaged": .number("\(report.damaged.count)"), "isShared": .bool(membership != nil),
                "records": .array(report.damaged.prefix(Self.mostNames).map { .string($0) }),
            ])
        } catch let failure as RootRotation.Failure {
            throw CommandFailure(failure)
        }
    }

    /// Puts a new root key where this directory's is had from at start, on a thread that may wait.
    var sealing: RootRotation.Sealing {
        { [seal] key in
            try await NIOThreadPool.singleton.runIfActive { try seal.seal(key) }
            // Until the store has it, a start takes the one of before from there, which opens the old key: it goes on with that.
            if seal.kind != .file { try await publishSeal() }
        }
    }

    /// What the server does for `chatelaine rotate-root`.
    var rotateRootCommand: ControlCommand {
        ControlCommand(name: RootRotation.command) { members, progress in
            try await rotateRoot(endingSessions: members.flag("endSessions")) { progress($0) }
        }
    }
}

extension CommandFailure {
    init(_ failure: RootRotation.Failure) {
        switch failure {
        case .underWay: self = .operation("a rotation of the root key is under way")
        case .atRest: self = .operation("a backup copies the store; try again when that is done")
        case .notBegun(let error): self = .operation("the rotation did not begin: \(error)")
        case .damagedSetting(let name):
            self = .operation("the rotation did not begin: the setting \(name) of the store does not open")
        case .tooSoon(let date):
            self = .operation(
                "sessions that began before the last rotation run until \(ISO8601DateFormatter().string(from: date)); "
                    + "--end-sessions ends them now")
        case .interrupted: self = .operation("the server shuts down; its next start goes on with the rotation")
        case .notSealed(let reason):
            self = .operation("the new root key could not be put into its place: \(reason); the server tries again")
        case .store(let error): self = .operation("the store failed: \(error); the server goes on with the rotation")
        case .crypto(let error): self = .operation("a record does not open: \(error)")
        }
    }
}
