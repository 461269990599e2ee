import Foundation
import KMSCrypto

/// A closed file that may be removed.
struct OldFile: Sendable {
    let file: AuditFiles.Closed
    /// Its last record.
    let last: ChainLink
}

/// Looks for the files of an audit log that are older than they have to be kept.
///
/// Names can be given by anybody who can write the directory, and so can lines. So a file is old only when all of its records
/// are the server's, in their place in the chain, and the last ones say so, or when the server itself recorded that it was left
/// because it was changed; otherwise it stays, and all behind it.
struct OldFileSearch: Sendable {
    let files: AuditFiles
    let chain: AuditChain
    /// The last record that was removed; nil when none is known.
    let base: ChainLink?
    /// A record that the log has.
    let known: ChainLink
    /// In days since 1970.
    let firstKeptDay: Int

    /// What was found.
    struct Outcome: Sendable {
        /// Files that the log and the store say are removed, but which are still there.
        var removed: [OldFile] = []
        /// Files that are old, the oldest first.
        var due: [OldFile] = []
        /// What the log was found to begin behind; nil when that is what was known.
        var base: ChainLink?
        /// Why there may be files that are old by their names but stay.
        var obstacles: [String] = []
    }

    /// Reads what has an old name.
    ///
    /// - Throws: ``AuditFailure`` when a file cannot be read.
    func run() throws(AuditFailure) -> Outcome {
        var outcome = Outcome()
        var closed = try files.closed()
        if let base {
            let count = closed.prefix { $0.firstSequence <= base.sequence }.count
            try look(atRemoved: Array(closed.prefix(count)), upTo: base, &outcome)
            closed.removeFirst(count)
        }
        guard let first = closed.first, first.day < firstKeptDay else { return outcome }
        guard var previous = try beginning(of: &closed, &outcome) else {
            outcome.obstacles.append("Nothing proves that the log begins with \(first.name).")
            return outcome
        }
        for (place, file) in closed.enumerated() {
            guard file.day < firstKeptDay else { break }
            let next = place + 1 < closed.count ? files.url(of: closed[place + 1]) : files.current
            if let last = try last(of: file, after: previous) {
                guard try files.latestDay(in: files.url(of: file)) ?? .max < firstKeptDay else {
                    outcome.obstacles.append("\(file.name) has records of a later day than its name.")
                    break
                }
                previous = last
            } else if let left = try oldRecord(inFrontOf: next), left.sequence >= previous.sequence {
                // The server found it changed, and began the next one for that.
                previous = left
            } else {
                outcome.obstacles.append("\(file.name) is not what was written.")
                break
            }
            outcome.due.append(OldFile(file: file, last: previous))
        }
        return outcome
    }

    /// What the first record of a file says that it stands behind, if that is proven and old enough: all that was written in
    /// front of it is older still.
    private func oldRecord(inFrontOf file: URL) throws(AuditFailure) -> ChainLink? {
        guard let line = try AuditLineReader(file).firstRecord(),
            let previous = AuditLogEvent.predecessor(statedIn: line), line.fits(after: previous, with: chain),
            let day = AuditLogEvent.day(of: line), day < firstKeptDay
        else { return nil }
        return previous
    }

    /// Looks at files of which it was said that they go; they end where the log begins.
    private func look(
        atRemoved removed: [AuditFiles.Closed], upTo base: ChainLink, _ outcome: inout Outcome
    ) throws(AuditFailure) {
        guard let first = removed.first else { return }
        var (found, previous) = ([] as [OldFile], nil as ChainLink?)
        for file in removed {
            guard let last = try last(of: file, after: previous) else { break }
            found.append(OldFile(file: file, last: last))
            previous = last
        }
        if found.count == removed.count, previous == base {
            outcome.removed = found
        } else {
            outcome.obstacles.append("\(first.name) is not what was removed in front of record \(base.sequence + 1).")
        }
    }

    /// What the first file stands behind; nil when that is not proven.
    private func beginning(
        of closed: inout [AuditFiles.Closed], _ outcome: inout Outcome
    ) throws(AuditFailure) -> ChainLink? {
        guard let first = closed.first else { return nil }
        if let base, first.firstSequence == base.sequence + 1 { return base }
        if base == nil, first.firstSequence == 1 { return .origin }
        // The log itself may say it: after an upgrade, and when the store is older than the log.
        let report = try AuditVerification(directory: files.directory, chain: chain, known: known, base: base).run()
        guard let proven = report.base, proven.sequence >= base?.sequence ?? 0 else { return nil }
        if proven.sequence > 0 { outcome.base = proven }
        var own: [AuditFiles.Closed] = []
        for file in closed {
            if file.firstSequence == 0, try files.origin(with: file) != proven {
                outcome.obstacles.append("The log does not begin with \(file.name).")
            } else {
                own.append(file)
            }
        }
        closed = own
        return proven
    }

    /// The last record of a file, all of whose records are the server's; nil for any other file.
    ///
    /// - Parameter previous: What the first record stands behind; nil when that is not known.
    private func last(of file: AuditFiles.Closed, after previous: ChainLink?) throws(AuditFailure) -> ChainLink? {
        if file.firstSequence == 0 {
            let origin = try files.origin(with: file)
            return previous == nil || previous == origin ? origin : nil
        }
        var reader = try AuditLineReader(files.url(of: file))
        var last = previous
        while let item = try reader.next() {
            guard case .line(let bytes) = item, let line = ChainedLine(bytes),
                last.map({ line.fits(after: $0, with: chain) }) ?? true
            else { return nil }
            last = line.link
        }
        return last
    }
}
