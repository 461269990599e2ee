import Foundation
import KMSModel
import KMSStore

/// What monitoring tells of all keys.
struct KeyFigures: Sendable {
    /// How many keys there are of each kind.
    var counts: [KeyKind: Int] = [:]
    /// When each thing that time does happens first.
    var first: [KeyEvent: Date] = [:]
    /// The first keys whose material ends.
    var expiries: [KeyDue] = []
    /// How many keys there are whose material ends.
    var expiryCount = 0

    /// The figures of no keys.
    init() {}

    /// The figures of keys that are all in memory.
    init(_ directory: KeyDirectory) {
        self =
            directory.withIndex { index in
                var figures = KeyFigures()
                figures.counts = index.census.counts
                for event in KeyEvent.allCases { figures.first[event] = index.census.next(event, limit: 1).first?.date }
                (figures.expiries, figures.expiryCount) = index.census.nextExpiries(
                    limitForEach: Monitoring.mostExpiries)
                return figures
            } ?? KeyFigures()
    }

    /// The figures of keys that are in a store.
    ///
    /// - Throws: ``StoreError``.
    init(_ store: any SharedStore) async throws(StoreError) {
        counts = try await store.keyCounts()
        for event in KeyEvent.allCases { first[event] = try await store.next(event, limit: 1).first?.date }
        let ends = try await store.next(.expiry, limit: Self.mostCounted)
        expiryCount = ends.count
        var shown: [AccountID: Int] = [:]
        expiries = ends.filter { due in
            shown[due.key.account, default: 0] += 1
            return shown[due.key.account, default: 0] <= Monitoring.mostExpiries
        }
    }

    /// How many ends of material a store is asked for.
    private static let mostCounted = 1000
}
