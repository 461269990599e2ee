import Foundation
import KMSModel
import KMSStore

/// Says which key time has something for.
protocol DueKeys: Sendable {
    /// The key for which something is due first, at `now` or before, leaving out those of `exceptions`.
    ///
    /// - Throws: ``StoreError``.
    func first(at now: Date, except exceptions: Set<KeyARN>) async throws(StoreError) -> KeySnapshot?
}

/// What is due for the keys in memory, where all are.
struct DueKeysInMemory: DueKeys {
    let directory: KeyDirectory

    func first(at now: Date, except exceptions: Set<KeyARN>) async throws(StoreError) -> KeySnapshot? {
        directory.firstDue(at: now, except: exceptions)
    }
}
