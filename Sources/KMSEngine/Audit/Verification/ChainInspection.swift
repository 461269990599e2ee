import KMSCrypto

/// Looks at the records of an audit log one after the other, and finds those that are not in their place.
///
/// A record's code is made of its number, its text and the code of the one before. So each is compared with the one before
/// it, whatever that one is, and where they do not belong together the numbers tell what happened.
struct ChainInspection {
    /// How many findings are listed: who needs more has lost the log.
    private static let mostFindings = 200
    /// How many of the last records are remembered, for those that stand at the wrong place near their own.
    private static let memory = 64

    private let chain: AuditChain
    /// The record that the store knows of.
    private let known: ChainLink?
    private(set) var findings: [AuditFinding] = []
    private(set) var hasMoreFindings = false
    /// The codes that the last records can have: what their lines say, and what it must be.
    private var recent: [(sequence: UInt64, codes: [[UInt8]])] = []
    /// The number that comes next; nil before the first record.
    private var next: UInt64?
    /// The first record of the log, which nothing stands in front of.
    private var first: (line: ChainedLine, place: AuditFinding.Place)?
    /// Whether the record that the store knows of was seen.
    private var holdsKnown = false
    /// Where the chain may begin: with nothing, behind what is older, or where the store or a genuine record says so.
    private var bases: [ChainLink]
    /// The records up to which files were removed, each with the place of the record that says so; nil for the store.
    private var removals: [(last: ChainLink, place: AuditFinding.Place?)]
    /// The codes of the last records of the files that are there.
    private var ends: [UInt64: [UInt8]] = [:]
    private var lastLink: ChainLink?
    /// What the first record is proven to stand behind; nil when it is not.
    private(set) var provenBase: ChainLink?

    /// - Parameters:
    ///   - known: A record that the log must have.
    ///   - origins: What a chain may begin with that has all its records.
    ///   - base: The last record that was removed, as the store knows it.
    init(chain: AuditChain, known: ChainLink?, origins: [ChainLink], base: ChainLink?) {
        self.chain = chain
        self.known = known
        bases = origins + (base.map { [$0] } ?? [])
        removals = base.map { [($0, nil)] } ?? []
    }

    /// Lets the chain begin behind `previous`, if its code proves that this is the next record.
    mutating func admit(_ line: ChainedLine, after previous: ChainLink) {
        if line.fits(after: previous, with: chain) { bases.append(previous) }
    }

    /// Looks at a record.
    ///
    /// - Parameter removed: The record up to which files were removed, if this one says so.
    mutating func look(at line: ChainedLine, _ place: AuditFinding.Place, stating removed: ChainLink? = nil) {
        guard isGenuine(line, place, stating: removed) else { return }
        guard let removed else { return }
        bases.append(removed)
        removals.append((removed, place))
    }

    /// Notes that a file ends here.
    mutating func endFile() {
        if let lastLink { ends[lastLink.sequence] = lastLink.code }
    }

    /// Looks at a record, and answers whether it is genuine: what it says was written by the server.
    private mutating func isGenuine(
        _ line: ChainedLine, _ place: AuditFinding.Place, stating removed: ChainLink?
    ) -> Bool {
        let sequence = line.link.sequence
        if sequence == known?.sequence, line.link.code == known?.code { holdsKnown = true }
        lastLink = line.link
        guard let next else {
            first = (line, place)
            // Whether it may begin here is known at the end.
            if sequence > 1 { report(AuditFinding(.missing, at: place, 1...sequence - 1)) }
            accept(line)
            // If it says itself what it follows, its code tells whether that is so.
            return (bases + (removed.map { [$0] } ?? [])).contains { line.fits(after: $0, with: chain) }
        }
        if sequence < next { return lookAtEarlier(line, place, before: next) }
        if sequence > next {
            report(AuditFinding(.missing, at: place, next...sequence - 1))
            // The code of the record before is gone with it: that this one was not changed cannot be told.
            accept(line)
            return false
        }
        guard let code = genuineCode(of: line) else {
            report(AuditFinding(.changed, at: place, sequence...sequence))
            accept(line, or: possibleCodes(of: line))
            return false
        }
        accept(line, or: [code])
        return true
    }

    /// Looks at a line that is no record.
    mutating func lookAtForeignLine(_ place: AuditFinding.Place) { report(AuditFinding(.foreign, at: place)) }

    /// Ends: what is in front of the first record, and behind the last one.
    ///
    /// - Parameter start: The number of the first record that is asked for; what is in front of it is not missed.
    mutating func finish(from start: UInt64 = 1) {
        if let first { check(first.line, first.place, from: start) }
        checkRemovals(from: start)
        let last = next.map { $0 - 1 } ?? max(bases.map(\.sequence).max() ?? 0, start - 1)
        guard let known else { return report(AuditFinding(.unknownEnd)) }
        // A log may be empty from its first record on, but not from one that is asked for.
        if first == nil, start > max(known.sequence, 1) {
            report(AuditFinding(.missing, at: nil, start...start))
        } else if known.sequence > last {
            report(AuditFinding(.missing, at: nil, last + 1...known.sequence))
        } else if known.sequence >= first?.line.link.sequence ?? 1, !holdsKnown,
            !findings.contains(where: { covers($0, known.sequence) })
        {
            // The record is there with its number, and the chain holds: it was written anew from there on.
            report(AuditFinding(.changed, at: nil, known.sequence...known.sequence))
        }
    }

    // MARK: Places

    private mutating func check(_ line: ChainedLine, _ place: AuditFinding.Place, from start: UInt64) {
        let sequence = line.link.sequence
        provenBase = bases.first { line.fits(after: $0, with: chain) }
        // What was removed because it was old enough is not missing.
        let base = provenBase?.sequence ?? max(bases.map(\.sequence).filter { $0 < sequence }.max() ?? 0, start - 1)
        findings = findings.compactMap { finding in
            guard finding.kind == .missing, finding.place == place, let gap = finding.sequences, gap.lowerBound <= base
            else { return finding }
            return gap.upperBound > base ? AuditFinding(.missing, at: place, base + 1...gap.upperBound) : nil
        }
        guard provenBase == nil, bases.contains(where: { $0.sequence == sequence - 1 }) else { return }
        var finding = AuditFinding(.changed, at: place, sequence...sequence)
        if let next = findings.first, finding.extend(with: next) { findings.removeFirst() }
        findings.insert(finding, at: 0)
    }

    /// Whether what was removed is what stood in front of what is left, or still stands there as the last of a file.
    private mutating func checkRemovals(from start: UInt64) {
        guard let first, let next else { return }
        let start = max(first.line.link.sequence, start)
        guard start < next else { return }
        for (last, place) in removals where (start..<next).contains(last.sequence) {
            let isMissed = findings.contains { $0.kind == .missing && covers($0, last.sequence) }
            guard ends[last.sequence] != last.code, !isMissed else { continue }
            report(AuditFinding(.misstated, at: place, last.sequence...last.sequence))
        }
    }

    /// A record whose number was passed already: it was moved here, or it is there twice.
    private mutating func lookAtEarlier(
        _ line: ChainedLine, _ place: AuditFinding.Place, before next: UInt64
    ) -> Bool {
        let sequence = line.link.sequence
        let codes = possibleCodes(of: line)
        let isGenuine = codes.contains(line.link.code)
        let wasMissing = fillGap(sequence)
        report(AuditFinding(wasMissing ? .moved : .repeated, at: place, sequence...sequence))
        // Where the one before it is not remembered nothing can be said.
        if !isGenuine, !codes.isEmpty { report(AuditFinding(.changed, at: place, sequence...sequence)) }
        // Of two records with one number the genuine one is what the next is tied to.
        remember(sequence, [line.link.code])
        return isGenuine
    }

    private mutating func accept(_ line: ChainedLine, or codes: [[UInt8]] = []) {
        remember(line.link.sequence, [line.link.code] + codes)
        next = line.link.sequence + 1
    }

    private mutating func remember(_ sequence: UInt64, _ codes: [[UInt8]]) {
        if let index = recent.lastIndex(where: { $0.sequence == sequence }) {
            recent[index].codes += codes
        } else {
            if recent.count == Self.memory { recent.removeFirst() }
            recent.append((sequence, codes))
        }
    }

    // MARK: Codes

    /// The line's own code, when it is right after a record that is remembered; nil otherwise.
    private func genuineCode(of line: ChainedLine) -> [UInt8]? {
        possibleCodes(of: line).first { $0 == line.link.code }
    }

    /// What the code of a record with this number and text has to be.
    private func possibleCodes(of line: ChainedLine) -> [[UInt8]] {
        let sequence = line.link.sequence
        let digest = line.digest
        return (recent.last { $0.sequence == sequence - 1 }?.codes ?? []).map {
            chain.code(ofRecord: digest, sequence: sequence, after: $0)
        }
    }

    // MARK: Findings

    private func covers(_ finding: AuditFinding, _ sequence: UInt64) -> Bool {
        finding.sequences?.contains(sequence) ?? false
    }

    /// Takes a record out of those that are missing; answers whether it was one of them.
    private mutating func fillGap(_ sequence: UInt64) -> Bool {
        guard let index = findings.lastIndex(where: { $0.kind == .missing && covers($0, sequence) }),
            let gap = findings[index].sequences
        else { return false }
        var rest: [AuditFinding] = []
        if sequence > gap.lowerBound {
            rest.append(AuditFinding(.missing, at: findings[index].place, gap.lowerBound...sequence - 1))
        }
        if sequence < gap.upperBound {
            rest.append(AuditFinding(.missing, at: findings[index].place, sequence + 1...gap.upperBound))
        }
        findings.replaceSubrange(index...index, with: rest)
        return true
    }

    private mutating func report(_ finding: AuditFinding) {
        if let last = findings.indices.last, findings[last].extend(with: finding) { return }
        if findings.count < Self.mostFindings { findings.append(finding) } else { hasMoreFindings = true }
    }
}
