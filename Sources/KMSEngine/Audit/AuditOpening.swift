import Foundation
import Glibc
import KMSCrypto
import KMSModel

/// What is known of an audit log before it is opened.
package enum KnownLog: Sendable, Equatable {
    /// Nothing: the chain begins now. There may be records from before it.
    case nothing
    /// The log has this record.
    case record(ChainLink)
    /// There is a chain, but nothing to tell how far it went.
    case unknownRecord
}

/// How an audit log that is opened is not what it was left as.
struct AuditDiscrepancy: Sendable {
    let reason: String
    /// The record that the log must have.
    let known: ChainLink?
    /// The last record that it has.
    let found: ChainLink?
}

/// Finds the end of an audit log, whatever state a crash or an upgrade left it in.
struct AuditOpening {
    /// How many lines are looked at for the last record of a file: the last line is one, unless somebody wrote into the file.
    private static let mostLines = 1000

    private let files: AuditFiles
    private let note: KnownLog
    private let chain: AuditChain
    private let today: Int
    private let sizeLimit: Int

    init(_ files: AuditFiles, note: KnownLog, chain: AuditChain, today: Int, sizeLimit: Int) {
        self.files = files
        self.note = note
        self.chain = chain
        self.today = today
        self.sizeLimit = sizeLimit
    }

    /// What was found.
    struct Opened {
        let tail: AuditTail
        /// The day of the file.
        let day: Int
        let discrepancy: AuditDiscrepancy?
        /// The name of the file from before the chain that the chain begins with.
        let older: String?
    }

    /// Opens the file that is written, or creates it, and the directory too.
    ///
    /// - Throws: ``AuditFailure``.
    func open() throws(AuditFailure) -> Opened {
        let path = files.directory.path
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .system("create the directory \(path)") }
        var file = try AuditFile(path: files.current.path)
        var closed = try files.closed()
        if file.size > 0, try isOlderThanChain(closed) {
            let older = AuditFiles.Closed(day: try day(of: file), firstSequence: 0)
            file.close()
            file = try files.closeCurrent(as: older)
            closed = [older]
        }
        let older = try olderFile(closed)
        let origin = try files.origin(with: older)
        let (found, strangers) = try end(closed, &file, origin)
        let discrepancy = discrepancy(with: found, strangers)
        let head: ChainLink
        if let known = discrepancy?.known, known.sequence > 0, known.sequence >= found?.sequence ?? 0 {
            head = known
        } else {
            head = found ?? origin
        }
        let day = file.size > 0 ? try day(of: file) : today
        var first: UInt64 = 0
        if file.size > 0 {
            first = try AuditLineReader(files.current).firstSequence()
            if first == 0 { first = head.sequence + 1 }
        }
        let tail = AuditTail(file, day: day, firstSequence: first, head: head, sizeLimit: sizeLimit)
        return Opened(tail: tail, day: day, discrepancy: discrepancy, older: older?.name)
    }

    private func discrepancy(with found: ChainLink?, _ strangers: String?) -> AuditDiscrepancy? {
        let last = found?.sequence ?? 0
        switch note {
        case .nothing where found == nil: return nil
        case .nothing:
            return AuditDiscrepancy(
                reason: "It has a chain, but the store knows nothing of it.", known: nil, found: found)
        case .record(let known) where last < known.sequence:
            return AuditDiscrepancy(
                reason: Self.text("It ends with the record \(last), but had \(known.sequence).", strangers),
                known: known, found: found)
        case .record(let known) where last > 0 && last == known.sequence && known != found:
            return AuditDiscrepancy(
                reason: Self.text("Its last record, \(last), is not what it was.", strangers), known: known,
                found: found)
        case .record(let known):
            return strangers.map { AuditDiscrepancy(reason: $0, known: known, found: found) }
        case .unknownRecord:
            return AuditDiscrepancy(
                reason: Self.text("The store does not tell how far it went.", strangers), known: nil, found: found)
        }
    }

    private static func text(_ sentences: String?...) -> String {
        sentences.compactMap { $0 }.joined(separator: " ")
    }

    // MARK: The end

    /// The last record of the log, and what to say of lines behind the known one that are not the server's.
    ///
    /// Those at the end are set aside: the chain goes on behind its last record.
    private func end(
        _ closed: [AuditFiles.Closed], _ file: inout AuditFile, _ origin: ChainLink
    ) throws(AuditFailure) -> (found: ChainLink?, strangers: String?) {
        let known: ChainLink?
        switch note {
        // Without the key nothing can be told of a line.
        case .nothing: return (try lastLink(closed), nil)
        case .record(let link): known = link
        case .unknownRecord: known = nil
        }
        let scan = try scan(closed.filter { $0.firstSequence > 0 }, known, origin)
        let last = scan.last?.sequence ?? 0
        var sentences: [String] = []
        if scan.strangersBetween > 0 {
            sentences.append("Lines in front of its record \(last) are not the server's: \(scan.strangersBetween).")
        }
        if scan.strangers.count > 0 {
            let place: String
            do throws(AuditFailure) {
                place = "now in \(try file.setAside(from: scan.strangers.offset, in: files))"
            } catch {
                // A file that is only added to, or a full disk, is no reason not to start: the chain goes on behind them.
                place = "still there (\(error))"
            }
            sentences.append(
                "Lines behind its record \(last) are not the server's: \(scan.strangers.count), \(place).")
        }
        return (scan.last, sentences.isEmpty ? nil : sentences.joined(separator: " "))
    }

    /// Reads from the file on that has the known record.
    private func scan(
        _ closed: [AuditFiles.Closed], _ known: ChainLink?, _ origin: ChainLink
    ) throws(AuditFailure) -> ChainScan {
        let first = try AuditLineReader(files.current).firstSequence()
        if let known, known.sequence > 0, (1...known.sequence).contains(first) {
            // As a rule it is in the file that is written.
            let scan = try scan([], after: known, origin)
            if scan.holdsKnown { return scan }
        }
        let start = known.map { known in closed.lastIndex { $0.firstSequence <= known.sequence } ?? 0 }
        return try scan(Array(closed[(start ?? max(closed.count - 1, 0))...]), after: known, origin)
    }

    private func scan(
        _ closed: [AuditFiles.Closed], after known: ChainLink?, _ origin: ChainLink
    ) throws(AuditFailure) -> ChainScan {
        var scan = ChainScan(chain: chain, known: known, origin: origin)
        for url in closed.map(files.url(of:)) + [files.current] {
            var reader = try AuditLineReader(url)
            try scan.read(&reader)
        }
        return scan
    }

    /// The file from before the chain that the chain begins with; nil when there is none.
    private func olderFile(_ closed: [AuditFiles.Closed]) throws(AuditFailure) -> AuditFiles.Closed? {
        let older = closed.filter { $0.firstSequence == 0 }
        guard !older.isEmpty else { return nil }
        let first = closed.first { $0.firstSequence > 0 }.map(files.url(of:)) ?? files.current
        guard let line = try AuditLineReader(first).firstRecord() else { return older.count == 1 ? older[0] : nil }
        for file in older where line.fits(after: try files.origin(with: file), with: chain) { return file }
        return nil
    }

    // MARK: Files

    /// Whether the file that is written is of a program that did not chain records.
    private func isOlderThanChain(_ closed: [AuditFiles.Closed]) throws(AuditFailure) -> Bool {
        switch note {
        case .record(let known) where known.sequence > 0: return false
        case .unknownRecord: return false
        default: break
        }
        guard closed.isEmpty else { return false }
        return try lastLink(in: files.current) == nil
    }

    /// The last record of all files.
    private func lastLink(_ closed: [AuditFiles.Closed]) throws(AuditFailure) -> ChainLink? {
        if let link = try lastLink(in: files.current) { return link }
        for file in closed.reversed() where file.firstSequence > 0 {
            if let link = try lastLink(in: files.url(of: file)) { return link }
        }
        return nil
    }

    private func lastLink(in file: URL) throws(AuditFailure) -> ChainLink? {
        try files.withLines(of: file) { lines throws(AuditFailure) in
            for _ in 0..<Self.mostLines {
                guard let line = try lines.next()?.line else { return nil }
                if let link = ChainedLine(line)?.link { return link }
            }
            return nil
        } ?? nil
    }

    /// The day on which the file was last written, as far as it can be told.
    ///
    /// The file's own date can be that of a copy, and events can be dated back to when they were due: of the two the later
    /// counts, for no record may be looked for in a file before its day.
    private func day(of file: AuditFile) throws(AuditFailure) -> Int {
        let written = file.modificationDate.map(UTCTime.day(of:)) ?? 0
        return min(today, max(written, try files.latestDay(in: files.current) ?? written))
    }
}
