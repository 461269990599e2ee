import KMSCrypto

/// Reads an audit log from the record that is known to its end, and tells which lines the server wrote behind it.
///
/// What stands in front of that record is not looked at: that is the work of a verification.
struct ChainScan {
    private let chain: AuditChain
    private let known: ChainLink?
    /// What the next record can stand behind: the last genuine one, and the last one as its line says.
    private var genuine: ChainLink?
    private var stated: ChainLink?
    /// Whether the known record was seen.
    private(set) var holdsKnown = false
    /// The last record that is the log's.
    private(set) var last: ChainLink?
    /// How many lines behind the known record, with records of the server behind them, are not the server's.
    private(set) var strangersBetween = 0
    /// How many lines at the end of the last file are not the server's, and where they begin, in bytes.
    private(set) var strangers = (count: 0, offset: 0)

    /// - Parameters:
    ///   - known: The record that the log must have; nil when nothing is known.
    ///   - origin: What the first record stands behind.
    init(chain: AuditChain, known: ChainLink?, origin: ChainLink) {
        self.chain = chain
        self.known = known
        genuine = known?.sequence == 0 ? origin : known
        holdsKnown = known?.sequence == 0
    }

    /// Reads the next file.
    ///
    /// - Throws: ``AuditFailure`` when it cannot be read.
    mutating func read(_ reader: inout AuditLineReader) throws(AuditFailure) {
        strangersBetween += strangers.count
        strangers = (0, 0)
        while let item = try reader.next() {
            if case .halfLine = item { break }
            var line: ChainedLine?
            if case .line(let bytes) = item { line = ChainedLine(bytes) }
            if isOwn(line) {
                strangersBetween += strangers.count
                strangers = (0, reader.offset)
            } else {
                strangers.count += 1
            }
        }
    }

    /// Whether a line is the server's, or in front of what is known.
    private mutating func isOwn(_ line: ChainedLine?) -> Bool {
        let isBefore = known.map { !holdsKnown && last?.sequence ?? 0 < $0.sequence } ?? false
        guard let line else { return isBefore }
        let link = line.link
        if !holdsKnown, link == known || known == nil && last == nil {
            (holdsKnown, genuine, stated, last) = (known != nil, link, link, link)
            return true
        }
        if let known, !holdsKnown, link.sequence <= known.sequence {
            (stated, last) = (link, link)
            return true
        }
        // A number that was given already is that of a copy.
        guard link.sequence > last?.sequence ?? known?.sequence ?? 0 else { return false }
        defer { stated = link }
        let previous = [genuine, stated, AuditLogEvent.predecessor(statedIn: line)]
        guard previous.contains(where: { $0.map { line.fits(after: $0, with: chain) } ?? false }) else { return false }
        (genuine, last) = (link, link)
        return true
    }
}
