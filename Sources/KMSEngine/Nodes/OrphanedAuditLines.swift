import KMSStore
import Synchronization

/// Brings into the audit log what the store keeps for a node that is no longer there, and what it keeps for this one although
/// nobody writes it.
///
/// A node that ended between a change and its record would write the record at its next start, which may never come. Should it
/// come all the same, the record is in both logs, with the same identifiers.
final class OrphanedAuditLines: Sendable {
    /// The lease of whoever looks for those of other nodes.
    private static let lease = "audit-lines"
    private static let duration = Duration.seconds(30)
    /// To read what is kept for this node takes at most one part in so many of the time.
    private static let readingShare = 20

    private let store: any SharedStore
    private let outbox: AuditOutbox
    private let node: String
    private let holder: String
    /// Before which what is kept for this node is not read again.
    private let nextReading = Mutex(ContinuousClock.now)

    /// - Parameter holder: Who holds the lease.
    init(store: any SharedStore, outbox: AuditOutbox, node: String, holder: String) {
        self.store = store
        self.outbox = outbox
        self.node = node
        self.holder = holder
    }

    /// Writes what nobody else will, and takes over what other nodes will not.
    ///
    /// - Throws: ``StoreError``, ``AuditFailure``; what was taken over by then is tried again as this node's own.
    func adopt() async throws {
        let waiting = try await store.nodesWithAuditLines()
        if waiting.contains(node) { try await writeOwn() }
        guard waiting.contains(where: { $0 != node }),
            try await store.claim(Self.lease, for: holder, lasting: Self.duration)
        else { return }
        let live = Set(try await store.heldLeases(beginning: NodeMembership.prefix))
        for other in waiting where other != node && !live.contains(NodeMembership.prefix + other) {
            try await outbox.write(store.adoptAuditLines(of: other))
        }
    }

    private func writeOwn() async throws {
        let start = ContinuousClock.now
        guard nextReading.withLock({ $0 <= start }) else { return }
        let store = store
        defer {
            let end = ContinuousClock.now
            nextReading.withLock { $0 = end + (end - start) * (Self.readingShare - 1) }
        }
        try await outbox.writeForgotten { try await store.auditLines() }
    }
}
