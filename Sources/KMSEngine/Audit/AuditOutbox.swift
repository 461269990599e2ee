import KMSModel
import Synchronization

/// Brings the records of changes from the store, where each is kept by its change's own transaction, into the audit log.
///
/// So a change has its record also when the process ends between the two: the next start writes what is still kept. Later
/// changes tell the store what the log has, as they are written anyway. What a crash prevents them from telling comes into
/// the log a second time, with the same identifiers.
final class AuditOutbox: Sendable {
    private let log: AuditLog
    /// What the log has and the store still keeps, by the identifiers of the first records.
    private let written = Mutex<[String]>([])

    init(_ log: AuditLog) { self.log = log }

    /// Whether the log has something that the store need no longer keep.
    var hasWritten: Bool { written.withLock { !$0.isEmpty } }

    /// Writes lines that the store keeps, and returns once they would survive a power cut.
    ///
    /// - Throws: ``AuditFailure``; the next start tries again.
    func write(_ kept: [KeptAuditLines]) async throws(AuditFailure) {
        guard !kept.isEmpty else { return }
        try await log.append(kept.flatMap(\.lines), durably: true)
        written.withLock { $0 += kept.map(\.eventID) }
    }

    /// Hands over what the store is about to forget.
    func takeWritten() -> [String] {
        written.withLock { written in
            defer { written.removeAll(keepingCapacity: true) }
            return written
        }
    }

    /// Takes back what the store did not forget.
    func putBack(_ eventIDs: [String]) { written.withLock { $0 += eventIDs } }
}

extension KeptAuditLines {
    /// The lines of these records; nil when there are none.
    init?(_ records: [AuditRecord]) {
        guard let first = records.first else { return nil }
        self.init(eventID: first.eventID, lines: records.flatMap { $0.line() })
    }
}
