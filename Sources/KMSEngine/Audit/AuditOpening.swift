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
    /// How many lines are looked at for the last record of a file, or for its day: the last line is one, unless somebody
    /// wrote into the file.
    private static let mostLines = 1000

    private let files: AuditFiles
    private let note: KnownLog
    private let today: Int
    private let sizeLimit: Int

    init(_ files: AuditFiles, note: KnownLog, today: Int, sizeLimit: Int) {
        self.files = files
        self.note = note
        self.today = today
        self.sizeLimit = sizeLimit
    }

    /// What was found.
    struct Opened {
        let tail: AuditTail
        /// The day of the file.
        let day: Int
        let discrepancy: AuditDiscrepancy?
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
        let found = try lastLink(closed)
        let head: ChainLink
        let discrepancy = discrepancy(with: found)
        if let known = discrepancy?.known, known.sequence >= found?.sequence ?? 0 {
            head = known
        } else if let found {
            head = found
        } else {
            head = try files.origin(with: closed.first { $0.firstSequence == 0 })
        }
        let day = file.size > 0 ? try day(of: file) : today
        let tail = AuditTail(
            file, day: day, firstSequence: file.size > 0 ? try firstSequence() ?? head.sequence + 1 : 0, head: head,
            sizeLimit: sizeLimit)
        return Opened(tail: tail, day: day, discrepancy: discrepancy)
    }

    private func discrepancy(with found: ChainLink?) -> AuditDiscrepancy? {
        let last = found?.sequence ?? 0
        switch note {
        case .nothing where found == nil: return nil
        case .nothing:
            return AuditDiscrepancy(
                reason: "It has a chain, but the store has no key of it.", known: nil, found: found)
        case .record(let known) where last < known.sequence:
            return AuditDiscrepancy(
                reason: "It ends with the record \(last), but had \(known.sequence).", known: known, found: found)
        case .record(let known) where last > 0 && last == known.sequence && known != found:
            return AuditDiscrepancy(
                reason: "Its last record, \(last), is not what it was.", known: known, found: found)
        case .record: return nil
        case .unknownRecord:
            return AuditDiscrepancy(
                reason: "The store does not tell how far it went.", known: nil, found: found)
        }
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

    /// The number of the first record in the file that is written.
    private func firstSequence() throws(AuditFailure) -> UInt64? {
        var reader = try AuditLineReader(files.current)
        for _ in 0..<Self.mostLines {
            guard case .line(let line)? = try reader.next() else { return nil }
            if let link = ChainedLine(line)?.link { return link.sequence }
        }
        return nil
    }

    /// The day on which the file was last written, as far as it can be told.
    ///
    /// The file's own date can be that of a copy, and events can be dated back to when they were due: of the two the later
    /// counts, for no record may be looked for in a file before its day.
    private func day(of file: AuditFile) throws(AuditFailure) -> Int {
        var days = [file.modificationDate.map(UTCTime.day(of:)) ?? 0]
        let lastRecords = try files.withLines(of: files.current) { lines throws(AuditFailure) in
            var days: [Int] = []
            for _ in 0..<Self.mostLines / 10 {
                guard let line = try lines.next()?.line else { break }
                guard case .object(let record)? = try? JSONParser.parse(line), let time = record.text("eventTime"),
                    let day = UTCTime.day(ofDate: String(time.prefix(10)))
                else { continue }
                days.append(day)
            }
            return days
        }
        days += lastRecords ?? []
        return min(today, days.max() ?? today)
    }
}
