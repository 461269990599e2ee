package import KMSModel
package import KMSStore
import KMSStoreSQL

extension PostgreSQLStore {
    /// One journey to the server while no grants have changed, and two when some have.
    package func updates(
        of known: Set<KeyARN>, since position: FeedPosition
    ) async throws(StoreError) -> [KeyUpdate] {
        var updates: [KeyUpdate] = []
        var rest = Dictionary(grouping: known, by: \.keyID).sorted { $0.key < $1.key }[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.longestList)
            updates += try await self.updates(
                ofIDs: part.map(\.key), knownAs: Set(part.flatMap(\.value)), since: position)
            rest = rest.dropFirst(Self.longestList)
        }
        return updates
    }

    private func updates(
        ofIDs ids: [KeyID], knownAs known: Set<KeyARN>, since position: FeedPosition
    ) async throws(StoreError) -> [KeyUpdate] {
        let (keys, changed) = try await snapshot { connection in
            (
                try connection.readKeys(ids, withGrants: false),
                try Feed.changedGrants(on: known, since: position, connection)
            )
        }
        // All keys of an identifier, or those of two regions would be of two moments.
        let whole = Set(keys.map(\.record.arn).filter { changed[$0] == nil }.map(\.keyID))
        let partial = keys.filter { !whole.contains($0.record.arn.keyID) }
        var grants = Dictionary(
            grouping: try await self.grants(
                partial.flatMap { key in
                    (changed[key.record.arn] ?? []).map { GrantPlace(id: $0, key: key.record.arn) }
                }), by: \.key)
        return try await self.keys(Array(whole)).map { KeyUpdate(key: $0) }
            + partial.map { key in
                var key = key
                key.grants = grants.removeValue(forKey: key.record.arn) ?? []
                return KeyUpdate(key: key, changedGrants: changed[key.record.arn])
            }
    }

    /// The grants that are there of these.
    private func grants(_ places: [GrantPlace]) async throws(StoreError) -> [GrantRecord] {
        var grants: [GrantRecord] = []
        var rest = places[...]
        while !rest.isEmpty {
            let part = Self.padded(Array(rest.prefix(Self.longestList)))
            let marks = Array(repeating: "(?, ?, ?, ?)", count: part.count).joined(separator: ", ")
            let condition = Condition(
                "(account, region, key_id, grant_id) IN (\(marks))",
                part.flatMap { place -> [Column.Value] in
                    [
                        place.key.account.description, place.key.region.description, place.key.keyID.description,
                        place.id.bytes,
                    ]
                })
            grants += try await withConnection { connection in try connection.records(.grants, where: condition) }
            rest = rest.dropFirst(Self.longestList)
        }
        return grants
    }
}
