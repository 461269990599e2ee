import KMSStore

/// Brings into the audit log what the store keeps for a node that is no longer there.
///
/// A node that ended between a change and its record would write the record at its next start, which may never come. Should it
/// come all the same, the record is in both logs, with the same identifiers.
struct OrphanedAuditLines: Sendable {
    /// The lease of whoever looks for them.
    private static let lease = "audit-lines"
    private static let duration = Duration.seconds(30)

    let store: any SharedStore
    let outbox: AuditOutbox
    let node: String
    /// Who holds the lease.
    let holder: String

    /// Takes over what nobody will write, and writes it.
    ///
    /// - Throws: ``StoreError``, ``AuditFailure``; what was taken over by then is tried again as this node's own.
    func adopt() async throws {
        guard try await store.claim(Self.lease, for: holder, lasting: Self.duration) else { return }
        let waiting = try await store.nodesWithAuditLines()
        guard waiting.contains(where: { $0 != node }) else { return }
        let live = Set(try await store.heldLeases(beginning: NodeMembership.prefix))
        for other in waiting where other != node && !live.contains(NodeMembership.prefix + other) {
            try await outbox.write(store.adoptAuditLines(of: other))
        }
    }
}
