import KMSModel
import KMSStore
import Synchronization

/// Brings the records of changes from the store, where each is kept by its change's own transaction, into the audit log.
///
/// So a change has its record also when the process ends between the two, or the log cannot be written: what is still kept
/// is written by the next change, which is refused as long as that fails, or as soon as the disk lets it, or at the next
/// start. Later changes tell the store what the log has, as they are written anyway. What a crash prevents them from telling
/// comes into the log a second time, with the same identifiers.
///
/// A commit may fail and have happened all the same, now or once a standby is back. Nobody writes the records of such a change:
/// they are found among what the store keeps (``writeForgotten(_:)``).
final class AuditOutbox: Sendable {
    private struct State {
        /// What the log has and the store still keeps, by the identifiers of the first records.
        var written: [String] = []
        /// What the store keeps and the log does not have, because it could not be written.
        var unwritten: [KeptAuditLines] = []
        /// What was handed over to be written, as long as the store may still keep it, by the identifiers of the first records.
        var known: Set<String> = []
        /// What of this the store has forgotten while somebody read what it keeps.
        var forgotten: Set<String> = []
        var isReading = false
        /// What was kept when somebody last looked, and not known: its change may just have been made.
        var suspects: Set<String> = []
        /// What was written because nobody seemed to: whoever comes with it in the end finds it done.
        var recovered: Set<String> = []
        /// The last record of which the store was told that it is on the disk.
        var noted: UInt64
        /// The last removed record of which the store was told.
        var notedBase: ChainLink?
        /// Whether a transaction that is under way tells of either.
        var isNoting = false
    }

    private let log: AuditLog
    private let names: AuditAnchor.Names
    private let state: Mutex<State>

    /// - Parameters:
    ///   - known: What the store knows of the log.
    ///   - base: The last removed record that the store knows of.
    ///   - names: Where the store keeps what it knows.
    init(_ log: AuditLog, known: KnownLog, base: ChainLink?, names: AuditAnchor.Names) {
        self.log = log
        self.names = names
        let noted: UInt64 = if case .record(let link) = known { link.sequence } else { 0 }
        state = Mutex(State(noted: noted, notedBase: base))
    }

    /// Writes lines that the store keeps, and returns once they are in the file.
    ///
    /// They are where a power cut cannot reach them, in the store, and stay there until they are on the disk in the log too.
    /// Who wants no answer to leave before that (``AuditConfiguration/SyncPolicy/everyGroup``) waits for it here.
    ///
    /// - Throws: ``AuditFailure``; they are tried again.
    func write(_ kept: [KeptAuditLines]) async throws(AuditFailure) {
        let missing = state.withLock { state in
            kept.filter { lines in
                if state.recovered.remove(lines.eventID) != nil { return false }
                state.known.insert(lines.eventID)
                return true
            }
        }
        try await append(missing)
    }

    private func append(_ kept: [KeptAuditLines]) async throws(AuditFailure) {
        guard !kept.isEmpty else { return }
        do throws(AuditFailure) {
            try await log.append(kept.flatMap(\.lines), .later)
        } catch {
            state.withLock { $0.unwritten += kept }
            throw error
        }
        log.whenNextSynced { [self] result in
            state.withLock { state in
                if case .success = result { state.written += kept.map(\.eventID) } else { state.unwritten += kept }
            }
        }
        if log.syncsEachGroup { try await log.sync() }
    }

    /// Writes what could not be written before, if there is such.
    ///
    /// - Throws: ``AuditFailure`` when it still cannot.
    func writeRest() async throws(AuditFailure) {
        let rest = state.withLock { state in
            defer { state.unwritten = [] }
            return state.unwritten
        }
        try await append(rest)
    }

    // MARK: What nobody writes

    /// How many records are remembered that were written because nobody seemed to.
    private static let recoveredLimit = 10_000

    /// Writes what the store keeps and nobody writes.
    ///
    /// A change that is being committed, or was a moment ago, has its own who writes: so only what was kept already when this
    /// was called the last time.
    ///
    /// - Parameter read: What the store keeps for this node.
    /// - Throws: What `read` throws; ``AuditFailure``, after which the lines are tried again as all others are.
    func writeForgotten(_ read: () async throws -> [KeptAuditLines]) async throws {
        let isFirst = state.withLock { state in
            defer { state.isReading = true }
            return !state.isReading
        }
        guard isFirst else { return }
        let answer: Result<[KeptAuditLines], any Error>
        do { answer = .success(try await read()) } catch { answer = .failure(error) }
        let missing = state.withLock { state -> [KeptAuditLines] in
            defer {
                state.known.subtract(state.forgotten)
                state.forgotten = []
                state.isReading = false
            }
            // What the store has been told to forget meanwhile may still be in the answer.
            guard let kept = try? answer.get().filter({ !state.known.contains($0.eventID) }) else { return [] }
            let missing = kept.filter { state.suspects.contains($0.eventID) }
            state.suspects = Set(kept.map(\.eventID))
            state.known.formUnion(missing.map(\.eventID))
            return missing
        }
        _ = try answer.get()
        try await append(missing)
        state.withLock { state in
            if state.recovered.count > Self.recoveredLimit { state.recovered = [] }
            state.recovered.formUnion(missing.map(\.eventID))
        }
    }

    // MARK: What the store is told

    /// What a transaction tells the store beside its change.
    struct Bookkeeping {
        fileprivate let written: [String]
        fileprivate let head: ChainLink?
        fileprivate let base: ChainLink?
        /// The steps of the transaction.
        let mutations: [Mutation]
        fileprivate var isNote: Bool { head != nil || base != nil }
    }

    /// Whether there is something to tell the store.
    var hasNews: Bool {
        let (head, base) = (log.durableHead.sequence, log.base)
        return state.withLock { !$0.written.isEmpty || $0.noted < head || $0.notedBase != base }
    }

    /// Hands over what the store is about to be told.
    ///
    /// How far the log is stands in one row, for which transactions at the same time would wait for each other: so one tells
    /// it, and the others leave it to the next.
    func takeNews() -> Bookkeeping {
        let (head, base) = (log.durableHead, log.base)
        return state.withLock { state in
            let newHead = !state.isNoting && state.noted < head.sequence ? head : nil
            let newBase = !state.isNoting && state.notedBase != base ? base : nil
            let written = state.written
            state.written = []
            var notes = written.map(Mutation.forgetAuditLines)
            if let newHead {
                state.noted = newHead.sequence
                notes.append(.noteSetting(names.end, AuditAnchor.note(newHead, with: log.chain)))
            }
            if let newBase {
                state.notedBase = newBase
                notes.append(.noteSetting(names.base, AuditAnchor.noteBase(newBase, with: log.chain)))
            }
            let news = Bookkeeping(written: written, head: newHead, base: newBase, mutations: notes)
            if news.isNote { state.isNoting = true }
            return news
        }
    }

    /// Notes that the store was told.
    func settle(_ news: Bookkeeping) {
        state.withLock { state in
            if news.isNote { state.isNoting = false }
            if state.isReading {
                state.forgotten.formUnion(news.written)
            } else {
                state.known.subtract(news.written)
            }
        }
        if let base = news.base { log.noteStored(base: base) }
    }

    /// Takes back what the store was not told.
    func putBack(_ news: Bookkeeping) {
        state.withLock { state in
            state.written += news.written
            if news.isNote { state.isNoting = false }
            if let head = news.head { state.noted = min(state.noted, head.sequence - 1) }
            if news.base != nil { state.notedBase = nil }
        }
    }
}

extension KeptAuditLines {
    /// The lines of these records; nil when there are none.
    init?(_ records: [AuditRecord]) {
        guard let first = records.first else { return nil }
        self.init(eventID: first.eventID, lines: records.flatMap { $0.line() })
    }
}
