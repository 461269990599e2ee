import KMSModel
import KMSStore

/// A store that tells how long its commits take.
struct MeteredStore: Store {
    let store: any Store
    let metrics: Metrics

    func contents() async throws(StoreError) -> StoreContents { try await store.contents() }

    func everyKey(_ show: @escaping @Sendable (StoreContents) -> Void) async throws(StoreError) {
        try await store.everyKey(show)
    }

    func frame() async throws(StoreError) -> StoreContents { try await store.frame() }

    func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await store.keys(after: last, limit: limit)
    }

    func commit(_ change: Change) async throws(StoreError) {
        let watch = Stopwatch()
        do throws(StoreError) {
            try await store.commit(change)
            metrics.commits.succeeded(watch)
        } catch {
            if error.isConflict { metrics.noteConflict() } else { metrics.commits.failed() }
            throw error
        }
    }

    func copy(to path: String) async throws(StoreError) { try await store.copy(to: path) }

    func check() async throws(StoreError) { try await store.check() }

    func close() async throws(StoreError) { try await store.close() }
}
