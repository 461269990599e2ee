import KMSIdentity
import KMSModel
import KMSStore
import Logging
import Synchronization

/// What a node has where many share the store.
struct SharedState: Sendable {
    /// Asked only while it is in reach.
    let store: ReachedStore
    let residency: Residency
    /// What monitoring tells of all keys, as it was when it was last looked at.
    let figures = StoredFigures()

    var contact: StoreContact { store.contact }

    /// What monitoring is to tell of the keys in memory, whenever it asks.
    func residents(in directory: KeyDirectory, atMost capacity: Int) -> @Sendable () -> Residents {
        { [residency] in
            Residents(count: directory.residentCount, capacity: capacity, misses: residency.missCount)
        }
    }
}

/// Figures of all keys in a store, which are counted now and then.
final class StoredFigures: Sendable {
    private let figures = Mutex(KeyFigures())

    /// As they were counted last.
    var last: KeyFigures { figures.withLock { $0 } }

    /// Counts.
    ///
    /// - Throws: ``StoreError``.
    func count(in store: any SharedStore) async throws(StoreError) {
        let counted = try await KeyFigures(store)
        figures.withLock { $0 = counted }
    }
}
