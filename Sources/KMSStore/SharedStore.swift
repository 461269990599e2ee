package import Foundation
package import KMSModel

/// A store that many nodes share: what each of them needs beyond ``Store``.
///
/// A node holds in memory what it is asked about. It reads a key when it is first needed, and learns from the change feed
/// what others changed. Every answer is of the one server that takes changes, and of a moment after the call.
package protocol SharedStore: Store, KeyCatalog {
    // MARK: What changed

    /// Where the change feed is now, and what the store's clock shows; no records.
    ///
    /// Whatever is read after it is at least as new.
    func position() async throws(StoreError) -> FeedNews

    /// What was changed behind `position`, by whichever node.
    ///
    /// A change is in the feed as soon as it can be read, and none turns up later behind a position that was answered.
    func changes(after position: FeedPosition) async throws(StoreError) -> FeedNews

    // MARK: Single records

    /// The keys of these identifiers, in every account and region, each with what belongs to it; none for one that is not
    /// there.
    func keys(_ ids: [KeyID]) async throws(StoreError) -> [StoredKey]

    /// What has become of keys that somebody knows as they were when the change feed was at `position`, or since.
    ///
    /// - Returns: The keys of the same identifiers, in every account and region; none for one that is not there.
    func updates(of known: Set<KeyARN>, since position: FeedPosition) async throws(StoreError) -> [KeyUpdate]

    /// The alias of this ARN.
    func alias(_ arn: AliasARN) async throws(StoreError) -> AliasRecord?

    /// An account with its access keys, users, groups, roles and policies, and nothing else; empty when it is not there.
    func account(_ id: AccountID) async throws(StoreError) -> StoreContents

    /// Every setting by its name.
    func settings() async throws(StoreError) -> [String: [UInt8]]

    // MARK: Nodes

    /// Takes a lease, or holds on to one that is held already, for so long from now by the store's own clock.
    ///
    /// - Returns: Whether `holder` has it. Nobody else has had it meanwhile if `holder` had it before, and its time was not
    ///   over.
    func claim(_ lease: String, for holder: String, lasting duration: Duration) async throws(StoreError) -> Bool

    /// Gives up a lease, if `holder` has it.
    func release(_ lease: String, by holder: String) async throws(StoreError)

    /// The names of the leases that begin with `prefix` and are held, in order.
    func heldLeases(beginning prefix: String) async throws(StoreError) -> [String]

    /// The audit lines of the node that this store was opened for, in the order in which they came.
    func auditLines() async throws(StoreError) -> [KeptAuditLines]

    /// The nodes that audit lines are kept for, in order.
    func nodesWithAuditLines() async throws(StoreError) -> [String]

    /// Makes the audit lines of a node those of the one that this store was opened for.
    ///
    /// - Returns: What it did not have before, in the order in which it came.
    func adoptAuditLines(of node: String) async throws(StoreError) -> [KeptAuditLines]
}

/// How far in the change feed a node has read: a position in each part of the feed.
package struct FeedPosition: Sendable, Equatable {
    /// By the number of the part.
    package var parts: [Int64]
    /// The tag of the last entry that was read of each part, if the store gives entries tags: a feed that has lost some, and
    /// has got others since, has another entry there.
    package var tags: [Int64]

    package init(parts: [Int64], tags: [Int64] = []) {
        self.parts = parts
        self.tags = tags
    }
}

/// What a node learns when it reads the change feed.
package struct FeedNews: Sendable {
    /// How far it has read now.
    package let position: FeedPosition
    /// What changed, each record once; nil when the feed no longer reaches so far back, and anything may have changed.
    package let records: [ChangedRecord]?
    /// The store's clock when it answered.
    package let date: Date

    package init(position: FeedPosition, records: [ChangedRecord]?, date: Date) {
        self.position = position
        self.records = records
        self.date = date
    }
}
