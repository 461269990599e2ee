import KMSCrypto
import KMSModel

/// The state of a verification that is under way.
struct VerificationRun {
    /// A file from before the chain.
    struct Older {
        let name: String
        let lineCount: Int
        /// What a chain begins with that begins behind it.
        let origin: ChainLink
    }

    private var inspection: ChainInspection
    private let start: UInt64?
    private let older: [Older]
    /// How much is read between two tellings of progress, and all that there is, in bytes.
    private let (stride, total): (Int, Int)
    private var report = AuditReport()
    private var firstLine: [UInt8]?
    private var lastLine: [UInt8]?
    /// The record in front of the first one that is asked for.
    private var predecessor: ChainLink?
    /// How much of the files before this one was read, and when that was last told, in bytes.
    private var (readBefore, told) = (0, 0)

    /// - Parameter start: The number of the first record that is asked for; nil for all.
    init(
        inspection: ChainInspection, start: UInt64?, older: [Older], stride: Int, total: Int
    ) {
        self.inspection = inspection
        self.start = start
        self.older = older
        self.stride = stride
        self.total = total
        report.fileCount = older.count
        report.olderLineCount = older.reduce(0) { $0 + $1.lineCount }
    }

    /// Reads a file.
    ///
    /// - Parameter progress: Called now and then with how many bytes of how many were read.
    /// - Throws: ``AuditFailure`` when it cannot be read.
    mutating func read(
        _ reader: inout AuditLineReader, name: String, isLast: Bool, _ progress: (Int, Int) -> Void
    ) throws(AuditFailure) {
        report.fileCount += 1
        var number = 0
        while let item = try reader.next() {
            number += 1
            look(at: item, AuditFinding.Place(file: name, line: number), isLast)
            let readCount = readBefore + reader.readCount
            if readCount - told >= stride {
                told = readCount
                progress(readCount, max(total, readCount))
            }
        }
        readBefore += reader.readCount
        inspection.endFile()
    }

    private mutating func look(at item: AuditLineReader.Item, _ place: AuditFinding.Place, _ isLast: Bool) {
        switch item {
        case .line(let bytes):
            guard let line = ChainedLine(bytes) else { return lookAtForeignLine(place) }
            guard !isBefore(line) else { return }
            count(line, Array(bytes))
            inspection.look(at: line, place, stating: Self.removal(in: line))
        case .overlong: lookAtForeignLine(place)
        case .halfLine: if isLast { report.endsWithHalfLine = true } else { lookAtForeignLine(place) }
        }
    }

    private mutating func lookAtForeignLine(_ place: AuditFinding.Place) {
        if start == nil || firstLine != nil { inspection.lookAtForeignLine(place) }
    }

    /// Whether a record stands in front of the first one that is asked for.
    private mutating func isBefore(_ line: ChainedLine) -> Bool {
        guard let start, firstLine == nil else { return false }
        guard line.link.sequence >= start else {
            predecessor = line.link
            return true
        }
        if let predecessor { inspection.admit(line, after: predecessor) }
        return false
    }

    private mutating func count(_ line: ChainedLine, _ bytes: [UInt8]) {
        let sequence = line.link.sequence
        report.recordCount += 1
        if firstLine == nil { firstLine = bytes }
        lastLine = bytes
        let known = report.sequences ?? sequence...sequence
        report.sequences = min(known.lowerBound, sequence)...max(known.upperBound, sequence)
    }

    /// The record up to which this one says that files were removed.
    private static func removal(in line: ChainedLine) -> ChainLink? {
        guard AuditLogEvent.removalMark.isFound(in: line.record),
            case .object(let record)? = try? JSONParser.parse(Array(line.record) + [UInt8(ascii: "}")])
        else { return nil }
        return AuditLogEvent.base(statedIn: record)
    }

    /// What it all came to.
    mutating func finish() -> AuditReport {
        inspection.finish(from: start ?? 1)
        report.base = inspection.provenBase
        report.findings = strangers + inspection.findings
        report.hasMoreFindings = inspection.hasMoreFindings
        if let firstLine, let lastLine { report.times = (Self.time(of: firstLine), Self.time(of: lastLine)) }
        if let start, report.sequences?.lowerBound == start, report.base == nil { report.uncheckedStart = start }
        return report
    }

    /// The files that are named as if they were from before the chain, which does not begin behind them.
    private var strangers: [AuditFinding] {
        // As long as there is no record, a single one cannot be told from what the next one will be tied to.
        if firstLine == nil, older.count == 1 { return [] }
        return older.filter { $0.origin != inspection.provenBase && $0.lineCount > 0 }.map { file in
            var finding = AuditFinding(.foreign, at: AuditFinding.Place(file: file.name, line: 1))
            finding.lastLine = file.lineCount
            return finding
        }
    }

    private static func time(of line: [UInt8]) -> String {
        guard case .object(let record)? = try? JSONParser.parse(line) else { return "?" }
        return record.text("eventTime") ?? "?"
    }
}
