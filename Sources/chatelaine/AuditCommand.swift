import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import Logging

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Verify the audit log of a data directory.", subcommands: [Verify.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find every record that was removed, changed, moved or added, and say where.",
            discussion: """
                A server that runs over the data directory does it itself, beside its work; without one the command reads \
                the files. Nothing is changed. A server that runs reads the directories of --also, and those of other nodes, \
                itself. The exit code is 0 when every log is whole, and 1 when one is not or cannot be read.
                """)

        @Argument(
            help: ArgumentHelp(
                """
                The logs of nodes that share a store, each with the name of its node: the data directory of the node, its \
                directory audit, or a copy of that. Without a name it is the log of a server that had the store for \
                itself. Default: the log of --data-dir.
                """,
                valueName: "[node=]directory"))
        var logs: [String] = []

        @Option(
            name: .customLong("also"),
            help: ArgumentHelp(
                "Where closed files of the log are that are no longer in the data directory, or copies of them; may be repeated.",
                valueName: "directory"))
        var others: [String] = []

        @Option(
            name: .customLong("from"),
            help: ArgumentHelp(
                "The first record that is looked at: what is in front of it is not missed.", valueName: "number"))
        var start: UInt64?

        @OptionGroup var data: DataOptions
        @OptionGroup var seal: SealOptions

        func validate() throws {
            if start == 0 { throw ValidationError("records are numbered from 1") }
            guard logs.count <= 1 || (start == nil && others.isEmpty) else {
                throw ValidationError("--from and --also are for one log at a time")
            }
        }

        mutating func run() async throws {
            let settings = try Settings(config: data.config)
            let secrets = try SealSecrets(seal, settings)
            try ProcessHardening.apply()
            let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
            let progress = ProgressDisplay("MiB of the audit log verified")
            var extent = AuditVerification.Extent()
            extent.start = start
            extent.otherDirectories = others.map { URL(filePath: $0).absoluteURL.standardizedFileURL }
            let logs = try logs.map(NodeLog.init)
            let answer = try await Self.askServer(of: path, logs, extent, progress)
            let result: AuditResult
            if let answer {
                result = answer
            } else {
                let sealed = try await SealedDirectory(
                    path, try settings.storePlace(data, path: path), mayCreate: false)
                result = try await Self.verify(sealed, logs, extent, secrets, progress)
            }
            progress.end()
            for line in result.lines { try say(line) }
            guard !result.isWhole else { return }
            throw CommandFailure.operation(
                logs.isEmpty ? "the audit log in \(path) is not whole" : "not every audit log is whole")
        }

        /// Nil when no server runs.
        private static func askServer(
            of path: String, _ logs: [NodeLog], _ extent: AuditVerification.Extent, _ progress: ProgressDisplay
        ) async throws -> AuditResult? {
            var members = extent.members
            if !logs.isEmpty { members.append("logs", .array(logs.map { .object($0.object) })) }
            let answer = try await ControlClient(in: path)?.send(
                ControlRequest(ControlCommand.auditVerify, members), onProgress: progress.show)
            return answer.map(AuditResult.init)
        }

        private static func verify(
            _ sealed: SealedDirectory, _ logs: [NodeLog], _ extent: AuditVerification.Extent, _ secrets: SealSecrets,
            _ progress: ProgressDisplay
        ) async throws -> AuditResult {
            defer { sealed.lock.release() }
            let rootKey = try await sealed.open(with: secrets, logger: Logger.chatelaine(.warning)).rootKey
            let store = try await sealed.openAnyStore(of: rootKey)
            let own = NodeLog(node: sealed.node, directory: sealed.auditDirectory, isNamed: false)
            var verifications: [(log: NodeLog, verification: AuditVerification)] = []
            do {
                for log in logs.isEmpty ? [own] : logs {
                    let verification = try await AuditVerification.byStore(
                        store, rootKey: rootKey, node: log.node, directory: log.directory, extent: extent)
                    guard let verification else { throw log.isUnknown }
                    verifications.append((log, verification))
                }
            } catch {
                try? await store.close()
                guard let failure = error as? Engine.StartFailure else { throw error }
                throw CommandFailure(failure, store: sealed.storeName)
            }
            try? await store.close()
            return try NodeLog.verify(verifications) { progress.show(done: $0 >> 20, of: $1 >> 20) }
        }
    }
}

/// A log that is to be verified, and the node that wrote it.
struct NodeLog: Sendable {
    /// Nil for that of a server that had the store for itself.
    let node: String?
    let directory: URL
    /// Whether what is found is said of a log by its name.
    let isNamed: Bool

    init(node: String?, directory: URL, isNamed: Bool) {
        self.node = node
        self.directory = directory
        self.isNamed = isNamed
    }

    /// - Throws: ``CommandFailure`` for what is not `NODE=DIRECTORY` or `DIRECTORY`.
    init(_ text: String) throws {
        // What cannot be a name of a node belongs to the name of a directory.
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let isNode = parts.count == 2 && Settings.isNodeName(String(parts[0]))
        let path = isNode ? String(parts[1]) : text
        guard !path.isEmpty else { throw CommandFailure.configuration("\"\(text)\" names no directory") }
        // The server, which may do it, has another working directory.
        let directory = URL(filePath: path).absoluteURL.standardizedFileURL
        let audit = directory.appending(path: BackupSource.auditName, directoryHint: .isDirectory)
        self.init(
            node: isNode ? String(parts[0]) : nil, directory: try Presence.of(audit.path) ? audit : directory,
            isNamed: true)
    }

    /// What a server is asked for.
    var object: JSONObject {
        var object = JSONObject(["directory": .string(directory.path)])
        if let node { object.append("node", .string(node)) }
        return object
    }

    /// What a server is asked for.
    init?(_ object: JSONObject) {
        guard let directory = object.text("directory") else { return nil }
        self.init(node: object.text("node"), directory: URL(filePath: directory), isNamed: true)
    }

    private var name: String { node.map { "node \($0)" } ?? "the log in \(directory.path)" }

    /// What to say when the store has nothing of it.
    var isUnknown: CommandFailure {
        guard let node else {
            return .operation("the audit log in \(directory.path) is not chained: no server has begun that yet")
        }
        return .operation("the store knows of no audit log of a node \(node)")
    }

    /// Verifies one log after the other.
    ///
    /// - Throws: ``CommandFailure`` when one cannot be read.
    static func verify(
        _ verifications: [(log: NodeLog, verification: AuditVerification)], _ progress: (Int, Int) -> Void
    ) throws -> AuditResult {
        var result = AuditResult(lines: [], isWhole: true)
        for (log, verification) in verifications {
            do throws(AuditFailure) {
                let one = AuditResult(try verification.run(progress: progress))
                result.lines += log.isNamed ? one.lines.map { "\(log.name): \($0)" } : one.lines
                result.isWhole = result.isWhole && one.isWhole
            } catch {
                throw CommandFailure.operation(error.description)
            }
        }
        return result
    }
}

extension AuditVerification.Extent {
    /// What a server is asked for.
    fileprivate var members: JSONObject {
        var members = JSONObject(["also": .array(otherDirectories.map { .string($0.path) })])
        if let start { members.append("from", .number(String(start))) }
        return members
    }

    /// What a server is asked for.
    fileprivate init(_ members: JSONObject) {
        self.init()
        otherDirectories = members.texts("also").map { URL(filePath: $0) }
        if case .number(let digits)? = members["from"] { start = UInt64(digits) }
    }
}

extension ControlCommand {
    static let auditVerify = "audit verify"
    private static let pause = Duration.milliseconds(200)

    /// Verifies the audit log that the server writes.
    static func auditVerification(of engine: Engine) -> ControlCommand {
        enum Step: Sendable {
            case progress(Int, Int)
            case end(Result<AuditResult, any Error>)
        }
        return ControlCommand(name: auditVerify) { members, progress in
            let verifications = try await engine.auditVerifications(members)
            let (steps, continuation) = AsyncStream<Step>.makeStream()
            // Reading all of a log takes minutes: no event loop may wait for it.
            let thread = Thread {
                var last = ContinuousClock.now
                let result = Result {
                    try NodeLog.verify(verifications) { done, total in
                        guard ContinuousClock.now - last > pause else { return }
                        last = .now
                        continuation.yield(.progress(done, total))
                    }
                }
                continuation.yield(.end(result))
                continuation.finish()
            }
            thread.start()
            for await step in steps {
                switch step {
                case .progress(let done, let total):
                    progress(JSONObject(["done": .number("\(done >> 20)"), "all": .number("\(total >> 20)")]))
                case .end(let result): return try result.get().object
                }
            }
            throw CommandFailure.operation("the audit log was not verified")
        }
    }
}

extension Engine {
    /// What a server is asked to verify: the log that it writes, or the logs that are named.
    fileprivate func auditVerifications(
        _ members: JSONObject
    ) async throws -> [(log: NodeLog, verification: AuditVerification)] {
        let extent = AuditVerification.Extent(members)
        guard case .array(let objects)? = members["logs"] else {
            let log = NodeLog(node: nil, directory: auditDirectory, isNamed: false)
            return [(log, auditVerification(of: extent))]
        }
        let logs = objects.compactMap { if case .object(let object) = $0 { NodeLog(object) } else { nil } }
        var verifications: [(log: NodeLog, verification: AuditVerification)] = []
        for log in logs {
            let verification: AuditVerification?
            do throws(Engine.StartFailure) {
                verification = try await auditVerification(ofNode: log.node, in: log.directory, extent)
            } catch {
                throw CommandFailure(error, store: "of this server")
            }
            guard let verification else { throw log.isUnknown }
            verifications.append((log, verification))
        }
        return verifications
    }
}

/// What a verification tells people.
struct AuditResult {
    /// A finding or a fact in each.
    var lines: [String]
    var isWhole: Bool

    init(lines: [String], isWhole: Bool) {
        self.lines = lines
        self.isWhole = isWhole
    }

    init(_ report: AuditReport) {
        isWhole = report.isWhole
        lines = report.findings.map(\.description) + Self.facts(of: report)
    }

    /// What a server answered.
    init(_ object: JSONObject) {
        isWhole = object.flag("isWhole")
        lines = object.texts("lines")
    }

    /// What a server answers.
    var object: JSONObject {
        JSONObject(["isWhole": .bool(isWhole), "lines": .array(lines.map(JSONValue.string))])
    }

    private static func facts(of report: AuditReport) -> [String] {
        var facts = report.hasMoreFindings ? ["… and more"] : []
        let records = "\(report.recordCount) records in \(report.fileCount) files"
        if let sequences = report.sequences, let times = report.times {
            facts.append(
                "\(records), from \(sequences.lowerBound) (\(times.first)) to \(sequences.upperBound) (\(times.last))")
        } else {
            facts.append(records)
        }
        if report.olderLineCount > 0 {
            facts.append("\(report.olderLineCount) records are older than the chain, which ties all of them together")
        }
        if report.endsWithHalfLine {
            facts.append(
                "the last line is half a record: a server that is killed while it writes leaves one, and so does who "
                    + "writes into the file; the next start takes it away")
        }
        if let start = report.uncheckedStart {
            facts.append("record \(start) itself cannot be checked: the one in front of it is not there")
        }
        facts.append(report.isWhole ? "the audit log is whole" : "the audit log is NOT whole")
        return facts
    }
}
