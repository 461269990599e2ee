package import Foundation
package import KMSCrypto
import KMSModel

/// Verifies that an audit log is what the server wrote: no record is missing, changed, added or in another place.
///
/// It only reads, and can be done while the server writes.
package struct AuditVerification: Sendable {
    /// How much is verified between two calls of `progress`, in bytes.
    private static let stride = 1 << 20

    private let files: AuditFiles
    private let chain: AuditChain
    private let known: ChainLink?

    /// - Parameter known: A record that the log must have: what the store or the running server knows of it. Nil when nothing
    ///   is known, which is a finding of its own.
    package init(directory: URL, chain: AuditChain, known: ChainLink?) {
        files = AuditFiles(directory: directory)
        self.chain = chain
        self.known = known
    }

    /// Reads all of the log.
    ///
    /// - Parameter progress: Called now and then with how many bytes of how many were read.
    /// - Throws: ``AuditFailure`` when a file cannot be read.
    package func run(progress: (Int, Int) -> Void = { _, _ in }) throws(AuditFailure) -> AuditReport {
        // First of all, so that it is read also when it is closed in this moment, and then not twice.
        let current = try? AuditLineReader(files.current)
        let closed = try files.closed().filter { !(current?.reads(files.url(of: $0)) ?? false) }
        var run = Run(inspection: ChainInspection(chain: chain, known: known), total: size(of: closed))
        if let older = closed.first, older.firstSequence == 0 {
            run.bases.append(try files.origin(with: older))
        } else {
            run.bases.append(.origin)
        }
        for file in closed {
            let url = files.url(of: file)
            // It was too old to be kept; then the log itself says so.
            guard FileManager.default.fileExists(atPath: url.path) else { continue }
            run.report.fileCount += 1
            var reader = try AuditLineReader(url)
            try run.read(&reader, name: file.name, isOlder: file.firstSequence == 0, isLast: false, progress)
        }
        if var current {
            run.report.fileCount += 1
            try run.read(&current, name: files.current.lastPathComponent, isOlder: false, isLast: true, progress)
        }
        return run.finish()
    }

    private func size(of closed: [AuditFiles.Closed]) -> Int {
        (closed.map(files.url(of:)) + [files.current]).reduce(0) { size, url in
            let attributes = try? FileManager.default.attributesOfItem(atPath: url.path)
            return size + ((attributes?[.size] as? Int) ?? 0)
        }
    }

    /// The state of a verification that is under way.
    private struct Run {
        var inspection: ChainInspection
        /// In bytes.
        let total: Int
        var report = AuditReport()
        /// Where the chain may begin.
        var bases: [ChainLink] = []
        private var firstLine: [UInt8]?
        private var lastLine: [UInt8]?
        /// How much of the files before this one was read, and when that was last told, in bytes.
        private var (readBefore, told) = (0, 0)

        init(inspection: ChainInspection, total: Int) {
            self.inspection = inspection
            self.total = total
        }

        mutating func read(
            _ reader: inout AuditLineReader, name: String, isOlder: Bool, isLast: Bool, _ progress: (Int, Int) -> Void
        ) throws(AuditFailure) {
            var number = 0
            while let item = try reader.next() {
                number += 1
                look(at: item, AuditFinding.Place(file: name, line: number), isOlder, isLast)
                let readCount = readBefore + reader.readCount
                if readCount - told >= AuditVerification.stride {
                    told = readCount
                    progress(readCount, max(total, readCount))
                }
            }
            readBefore += reader.readCount
        }

        private mutating func look(
            at item: AuditLineReader.Item, _ place: AuditFinding.Place, _ isOlder: Bool, _ isLast: Bool
        ) {
            if isOlder {
                report.olderLineCount += 1
                return
            }
            switch item {
            case .line(let bytes):
                guard let line = ChainedLine(bytes) else { return inspection.lookAtForeignLine(place) }
                count(line, Array(bytes))
                let isGenuine = inspection.look(at: line, place)
                if isGenuine, let base = Self.base(in: line) { bases.append(base) }
            case .overlong: inspection.lookAtForeignLine(place)
            case .halfLine:
                if isLast { report.endsWithHalfLine = true } else { inspection.lookAtForeignLine(place) }
            }
        }

        private mutating func count(_ line: ChainedLine, _ bytes: [UInt8]) {
            let sequence = line.link.sequence
            report.recordCount += 1
            if firstLine == nil { firstLine = bytes }
            lastLine = bytes
            let known = report.sequences ?? sequence...sequence
            report.sequences = min(known.lowerBound, sequence)...max(known.upperBound, sequence)
        }

        /// Where the log says that its chain goes on after a file that was removed.
        private static func base(in line: ChainedLine) -> ChainLink? {
            guard AuditLogEvent.removalMark.isFound(in: line.record),
                case .object(let record)? = try? JSONParser.parse(Array(line.record) + [UInt8(ascii: "}")])
            else { return nil }
            return AuditLogEvent.base(statedIn: record)
        }

        mutating func finish() -> AuditReport {
            inspection.finish(bases: bases)
            report.findings = inspection.findings
            report.hasMoreFindings = inspection.hasMoreFindings
            if let firstLine, let lastLine { report.times = (Self.time(of: firstLine), Self.time(of: lastLine)) }
            return report
        }

        private static func time(of line: [UInt8]) -> String {
            guard case .object(let record)? = try? JSONParser.parse(line) else { return "?" }
            return record.text("eventTime") ?? "?"
        }
    }
}
