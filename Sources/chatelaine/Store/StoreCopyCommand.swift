import ArgumentParser
import Foundation
import Glibc
import KMSCrypto
import KMSEngine
import KMSStore
import Logging

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Move everything from one store to another.",
        subcommands: [StoreCopyCommand.self])
}

struct StoreCopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy", abstract: "Copy everything into a new store of the same or another kind, and compare.",
        discussion: """
            No server may run over either store. The root key is not needed, and not copied if it is in a file: copy \
            that to where the new store is served from. The audit log stays where it is; see docs/scaling.md. The exit \
            code is 0 only when everything was read back from both stores and is the same.
            """)

    @Option(help: "The store that is copied: sqlite:DIRECTORY, a data directory, or postgresql://HOST:PORT/DATABASE.")
    var from: String

    @Option(help: "The new store: as --from. A directory is made, a database must be there and be empty.")
    var to: String

    @Flag(help: "Begin anew in a new store in which an earlier copy did not come to its end.")
    var restart = false

    mutating func run() async throws {
        let (from, to) = (try StoreLocation(from), try StoreLocation(to))
        guard from != to else { throw CommandFailure.configuration("--from and --to are one store") }
        try ProcessHardening.apply()
        let source = try await StoreEnd(from)
        do {
            let target = try await StoreEnd(to, copying: source)
            do {
                try await copy(source, target)
            } catch {
                await target.close()
                throw error
            }
            await target.close()
        } catch {
            await source.close()
            throw error
        }
        await source.close()
    }

    private func copy(_ source: StoreEnd, _ target: StoreEnd) async throws {
        let (copied, compared) = (ProgressDisplay("keys copied"), ProgressDisplay("keys compared"))
        let document = try await source.sealDocument()
        let copy = StoreCopy(
            from: source.store, to: target.store, leavingOut: target.settingsLeftOut(of: source),
            adding: target.settings(for: document))
        let count = await source.keyCount()
        let report: StoreCopy.Report
        do throws(StoreCopy.Failure) {
            report = try await copy.run(of: count, restarting: restart) { moment in
                switch moment {
                case .targetFound(let isCopy): try await target.checkSeal(of: source, isCopy: isCopy)
                // Before the store counts, which without it could not be opened.
                case .targetMarked: try target.keep(document)
                case .compared:
                    try await source.checkNobodyCame()
                    try await target.checkNobodyCame()
                }
            } _: { step in
                switch step {
                case .copied(let done, let all): copied.show(done: done, of: all)
                case .compared(let done, let all):
                    copied.end()
                    compared.show(done: done, of: all)
                }
            }
        } catch {
            throw Self.failure(error, source, target)
        }
        compared.end()
        for name in report.differences { try say("different: \(name)") }
        guard report.differences.isEmpty else {
            throw CommandFailure.operation(
                "\(target.location) is not the same as \(source.location), and no server starts over it")
        }
        try say(
            "Copied and compared: \(report.accounts) accounts, \(report.identities) users, groups, roles and policies, "
                + "\(report.keys) keys, \(report.materials) generations of key material, \(report.aliases) aliases, "
                + "\(report.grants) grants, \(report.settings) settings.")
        if document == nil {
            announce(
                "The root key is in a file: copy root.key to every data directory that the new store is served from.")
        }
    }

    /// What keeps a server from starting over a half copy.
    static func incomplete(_ store: String) -> CommandFailure {
        .operation(
            "the store \(store) is a copy that did not come to its end: `chatelaine store copy --restart` makes it anew"
        )
    }

    private static func failure(_ failure: StoreCopy.Failure, _ source: StoreEnd, _ target: StoreEnd) -> CommandFailure
    {
        switch failure {
        case .refused(let reason): reason as? CommandFailure ?? .operation("\(reason)")
        case .source(let error): source.failure("read", error)
        case .target(let error): target.failure("write", error)
        case .targetIncomplete: incomplete("\(target.location)")
        case .targetNotEmpty: .operation("the store \(target.location) is not empty")
        case .sourceIncomplete: incomplete("\(source.location)")
        case .sourceHasAuditLines:
            .operation(
                "the store \(source.location) has records that are not in the audit log yet: start the server, or the "
                    + "node, that ended without being asked to, and end it")
        case .sourceUnmarked: .operation("no server has begun the store \(source.location) yet")
        }
    }
}
