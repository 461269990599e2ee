import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite
import Logging

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Verify the audit log of a data directory.", subcommands: [Verify.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find every record that was removed, changed, moved or added, and say where.",
            discussion: """
                A server that runs over the data directory does it itself, beside its work; without one the command reads \
                the files. Nothing is changed. A server that runs reads the directories of --also itself. The exit code is 0 when the log is whole, and 1 when it is not or cannot be \
                read.
                """)

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
            let answer = try await Self.askServer(of: path, extent, progress)
            let result = if let answer { answer } else { try await Self.verify(path, extent, secrets, progress) }
            progress.end()
            for line in result.lines { try say(line) }
            guard result.isWhole else { throw CommandFailure.operation("the audit log in \(path) is not whole") }
        }

        /// Nil when no server runs.
        private static func askServer(
            of path: String, _ extent: AuditVerification.Extent, _ progress: ProgressDisplay
        ) async throws -> AuditResult? {
            let answer = try await ControlClient(in: path)?.send(
                ControlRequest(ControlCommand.auditVerify, extent.members), onProgress: progress.show)
            return answer.map(AuditResult.init)
        }

        private static func verify(
            _ path: String, _ extent: AuditVerification.Extent, _ secrets: SealSecrets, _ progress: ProgressDisplay
        ) async throws -> AuditResult {
            let sealed = try await SealedDirectory(path, mayCreate: false)
            defer { sealed.lock.release() }
            let rootKey = try await sealed.open(with: secrets, logger: Logger.chatelaine(.warning)).rootKey
            let store = try await sealed.openStore(of: rootKey)
            let verification: AuditVerification?
            do throws(Engine.StartFailure) {
                verification = try await AuditVerification.byStore(
                    store, rootKey: rootKey, directory: sealed.auditDirectory, extent: extent)
            } catch {
                try? await store.close()
                throw CommandFailure(error, path: path)
            }
            try? await store.close()
            guard let verification else {
                throw CommandFailure.operation("the audit log in \(path) is not chained: no server has begun that yet")
            }
            do throws(AuditFailure) {
                return AuditResult(try verification.run { progress.show(done: $0 >> 20, of: $1 >> 20) })
            } catch {
                throw CommandFailure.operation(error.description)
            }
        }
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
            case end(Result<AuditReport, AuditFailure>)
        }
        return ControlCommand(name: auditVerify) { members, progress in
            let verification = engine.auditVerification(of: AuditVerification.Extent(members))
            let (steps, continuation) = AsyncStream<Step>.makeStream()
            // Reading all of a log takes minutes: no event loop may wait for it.
            let thread = Thread {
                var last = ContinuousClock.now
                let report = Result { () throws(AuditFailure) in
                    try verification.run { done, total in
                        guard ContinuousClock.now - last > pause else { return }
                        last = .now
                        continuation.yield(.progress(done, total))
                    }
                }
                continuation.yield(.end(report))
                continuation.finish()
            }
            thread.start()
            for await step in steps {
                switch step {
                case .progress(let done, let total):
                    progress(JSONObject(["done": .number("\(done >> 20)"), "all": .number("\(total >> 20)")]))
                case .end(.success(let report)): return AuditResult(report).object
                case .end(.failure(let failure)): throw CommandFailure.operation(failure.description)
                }
            }
            throw CommandFailure.operation("the audit log was not verified")
        }
    }
}

/// What a verification tells people.
struct AuditResult {
    /// A finding or a fact in each.
    let lines: [String]
    let isWhole: Bool

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
