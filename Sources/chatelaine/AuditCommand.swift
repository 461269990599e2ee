import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSStore
import KMSStoreSQLite

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Verify the audit log of a data directory.", subcommands: [Verify.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find every record that was removed, changed, moved or added, and say where.",
            discussion: """
                The server must not be running: a data directory is one process's at a time. Nothing is changed. The exit \
                code is 0 when the log is whole, and 1 when it is not or cannot be read.
                """)

        @OptionGroup var data: DataOptions

        mutating func run() async throws {
            let settings = try Settings(config: data.config)
            try ProcessHardening.apply()
            let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
            let report = try await Self.report(onLogIn: path)
            for line in report.lines { announce(line) }
            guard report.isWhole else { throw CommandFailure.operation("the audit log in \(path) is not whole") }
        }

        private static func report(onLogIn path: String) async throws -> AuditReport {
            let (store, rootKey) = try await DataDirectory.openStore(at: path)
            do {
                let report = try await verify(path, store, rootKey)
                try? await store.close()
                return report
            } catch {
                try? await store.close()
                throw error
            }
        }

        private static func verify(_ path: String, _ store: SQLiteStore, _ rootKey: RootKey) async throws -> AuditReport
        {
            let verification: AuditVerification?
            do throws(Engine.StartFailure) {
                verification = try await AuditVerification.ofStoppedServer(
                    store, rootKey: rootKey, directory: DataDirectory.auditDirectory(in: path))
            } catch {
                throw CommandFailure(error, path: path)
            }
            guard let verification else {
                throw CommandFailure.operation("the audit log in \(path) is not chained: no server has begun that yet")
            }
            let progress = ProgressLine("verifying the audit log")
            defer { progress.end() }
            do throws(AuditFailure) {
                return try verification.run { progress.show($0, of: $1) }
            } catch {
                throw CommandFailure.operation(error.description)
            }
        }
    }
}

extension AuditReport {
    /// What is to be told, a finding or a fact in each.
    var lines: [String] {
        var lines = findings.map(\.description)
        if hasMoreFindings { lines.append("… and more") }
        let records = "\(recordCount) records in \(fileCount) files"
        if let sequences, let times {
            lines.append(
                "\(records), from \(sequences.lowerBound) (\(times.first)) to \(sequences.upperBound) (\(times.last))")
        } else {
            lines.append(records)
        }
        if olderLineCount > 0 {
            lines.append("\(olderLineCount) records are older than the chain, which ties all of them together")
        }
        if endsWithHalfLine { lines.append("the last line is half a record: the server was killed while it wrote it") }
        lines.append(isWhole ? "the audit log is whole" : "the audit log is NOT whole")
        return lines
    }
}
