/// What monitoring tells of the keys that a node holds in memory, where many share the store.
struct Residents: Sendable {
    let count: Int
    let capacity: Int
    /// Requests that had to wait for the store.
    let misses: UInt64

    func add(to text: inout Exposition) {
        text.metric("chatelaine_cached_keys", .gauge, "Keys that this node holds in memory.", count)
        text.metric("chatelaine_cached_keys_limit", .gauge, "How many it holds at the most.", capacity)
        text.metric(
            "chatelaine_key_cache_misses_total", .counter,
            "Requests that had to wait for the store, because what they named was not in memory.", misses)
    }
}
