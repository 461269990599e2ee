import Foundation
import KMSModel
import KMSStore
import Logging

/// What is due for the keys of a store that many nodes share, for the one node whose turn it is to do it.
///
/// The turn is a lease, which another node takes when its holder does not renew it. Should two nodes ever believe that it is
/// theirs, the versions of keys keep them from doing the same thing twice.
struct DueKeysInStore: DueKeys {
    /// The name of the lease.
    private static let lease = "housekeeping"
    /// How long it is held without being renewed, which happens with each look, every second.
    private static let duration = Duration.seconds(10)

    let store: any SharedStore
    let directory: KeyDirectory
    let residency: Residency
    /// Who holds the lease.
    let holder: String
    let logger: Logger

    func first(at now: Date, except exceptions: Set<KeyARN>) async throws(StoreError) -> KeySnapshot? {
        guard try await store.claim(Self.lease, for: holder, lasting: Self.duration) else { return nil }
        var exceptions = exceptions
        while true {
            var due: [KeyDue] = []
            for event in KeyEvent.allCases {
                due += try await store.next(event, limit: exceptions.count + 1)
            }
            guard let first = due.filter({ $0.date <= now && !exceptions.contains($0.key) }).min() else { return nil }
            if let key = try await key(first.key, dueAt: now) { return key }
            exceptions.insert(first.key)
        }
    }

    /// The key as it is stored; nil when nothing is due for it any more, or it is damaged, which must not keep the others
    /// from what is due for them.
    private func key(_ arn: KeyARN, dueAt now: Date) async throws(StoreError) -> KeySnapshot? {
        do throws(StoreError) {
            try await residency.load([arn.keyID])
            // Memory is late by the bound of the feed: a key that another node has just settled is read again.
            if directory.key(arn)?.nextDue.map({ $0 > now }) ?? true { try await residency.refresh([arn.keyID]) }
        } catch .corrupt(let what) {
            logger.error("A key that something is due for is damaged", metadata: ["reason": "\(what)"])
            return nil
        }
        return directory.key(arn).flatMap { key in key.nextDue.map { $0 <= now } == true ? key : nil }
    }
}
