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
                return Self.report(Int(answer.number("secrets") ?? 0), display)
            }
        }
        let endSessions = endSessions
        try await DataDirectory.use(data, seal) { directory in
            let count = try await directory.rotateRoot(endingSessions: endSessions) { display.show($0) }
            Self.report(count, display)
        }
    }

    private static func report(_ count: Int, _ display: ProgressDisplay) {
        display.end()
        announce("The root key is new, and \(count) secrets are wrapped under it. Keep a copy of it in a safe place.")
    }
}

extension RootRotation {
    /// The name that a server knows it by.
    static let command = "rotate-root"
}

extension DataDirectory {
    /// Replaces the root key.
    ///
    /// - Throws: ``CommandFailure``.
    func rotateRoot(endingSessions: Bool, _ onProgress: @Sendable (JSONObject) async -> Void) async throws -> Int {
        do throws(RootRotation.Failure) {
            return try await engine.rootRotation.rotate(endingSessions: endingSessions, sealing: sealing) { progress in
                await onProgress(
                    JSONObject(["done": .number("\(progress.done)"), "all": .number("\(progress.all)")]))
            }
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Puts a new root key where this directory's is had from at start, on a thread that may wait.
    var sealing: RootRotation.Sealing {
        { [seal] key in try await NIOThreadPool.singleton.runIfActive { try seal.seal(key) } }
    }

    /// What the server does for `chatelaine rotate-root`.
    var rotateRootCommand: ControlCommand {
        ControlCommand(name: RootRotation.command) { members, progress in
            let count = try await rotateRoot(endingSessions: members.flag("endSessions")) { progress($0) }
            return JSONObject(["secrets": .number("\(count)")])
        }
    }
}

extension CommandFailure {
    init(_ failure: RootRotation.Failure) {
        switch failure {
        case .underWay: self = .operation("a rotation of the root key is under way")
        case .atRest: self = .operation("a backup copies the store; try again when that is done")
        case .notBegun(let error): self = .operation("the rotation did not begin: \(error)")
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
