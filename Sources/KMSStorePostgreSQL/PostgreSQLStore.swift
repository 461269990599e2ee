package import KMSModel
package import KMSStore
import KMSStoreSQL

/// The store that many nodes share: a database that speaks the protocol of PostgreSQL.
///
/// The server's locks and versions keep nodes apart; nothing here depends on there being only one.
package final class PostgreSQLStore: SharedStore {
    let pool: ConnectionPool
    /// For the change feed alone: calls that wait for each other must not keep a node from learning what others changed.
    let feedPool: ConnectionPool
    /// For leases alone: nor must they keep it from holding on to what it has.
    let leasePool: ConnectionPool
    let node: String

    fileprivate init(_ location: PostgreSQLLocation, node: String, patience: Duration) {
        func connections(_ limit: Int, _ patience: Duration) -> ConnectionPool {
            ConnectionPool(location, node: node, patience: patience, limit: limit)
        }
        (pool, feedPool) = (connections(8, patience), connections(1, patience))
        // Leases are asked for again soon, and end soon.
        leasePool = connections(1, patience / 2)
        self.node = node
    }

    /// How long a server may be silent, a caller wait for a connection, and so, twice that, a call take at the most.
    package static let patience = Duration.seconds(8)
    /// How long the server may think of what looks at everything, or changes every table.
    static let longPatience = Duration.seconds(3600)

    /// Opens the store in a database, which must exist, and makes it when there is none.
    ///
    /// Many nodes may do this at once. The tables are brought to this program's format, so an older program may refuse them
    /// from then on.
    ///
    /// - Parameter location: A URI or a connection string, as libpq understands it.
    /// - Parameter node: The node whose audit lines are kept.
    /// - Throws: ``StoreError/unavailable(_:)``; ``StoreError/wrongFormat(_:)`` when the tables are of a newer version or of
    ///   something else; ``StoreError/corrupt(_:)``.
    package static func open(
        _ location: String, node: String, patience: Duration = patience
    ) async throws(StoreError) -> PostgreSQLStore {
        let found = try await find(location, node: node, patience: patience)
        do {
            return try await found.bringUpToDate()
        } catch {
            await found.close()
            throw error
        }
    }

    /// Opens the store as ``open(_:node:patience:)`` does, but leaves the tables in the format that they have.
    ///
    /// - Throws: As ``open(_:node:patience:)``; a store of a newer version is found too.
    package static func find(
        _ location: String, node: String, patience: Duration = patience
    ) async throws(StoreError) -> FoundSharedStore {
        let location = try PostgreSQLLocation(location, node: node)
        let store = PostgreSQLStore(location, node: node, patience: patience)
        do {
            let settings = try await store.withConnection { connection in
                try PostgreSQLSchema.isThere(connection) ? connection.readSettings() : [:]
            }
            return FoundSharedStore(store, settings: settings)
        } catch {
            await store.closePools()
            throw error
        }
    }

    /// Does `work` with a connection; again, if that can help.
    ///
    /// - Parameters:
    ///   - special: What has connections of its own; nil for all the rest.
    ///   - patience: How long the server may be silent, if that is not the usual time. Work that may take so long ends
    ///     when the calling task is cancelled.
    ///   - work: What has the same effect when it is done again after it was broken off, up to a commit.
    func withConnection<Value: Sendable>(
        of special: ConnectionPool? = nil, patience: Duration? = nil,
        _ work: @escaping @Sendable (PostgreSQLConnection) throws -> Value
    ) async throws(StoreError) -> Value {
        let start = ContinuousClock.now
        let pool = special ?? pool
        var attempt = 0
        while true {
            let failure: any Error
            switch try await pool.perform(patience: patience, work) {
            case .success(let value): return value
            case .failure(let error): failure = error
            }
            attempt += 1
            guard let error = failure as? PostgreSQLError, start.duration(to: .now) < pool.patience,
                patience == nil || !Task.isCancelled
            else { throw StoreError(failure) }
            if error.isWorthRetrying && attempt < 10 {
                await pool.pause(.milliseconds(Int64.random(in: 2...20) * Int64(attempt)))
            } else if !error.endsConnection || attempt >= 3 {
                throw error.storeError
            }
        }
    }

    /// Reads what the store holds at one moment, in one journey to the server.
    ///
    /// - Parameter read: What asks the same whatever the answers are; it is done twice.
    func snapshot<Value: Sendable>(
        patience: Duration? = nil, ofNode node: String? = nil,
        _ read: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws(StoreError) -> Value {
        try await withConnection(patience: patience) { connection in
            let recorder = StatementRecorder(node: node)
            _ = try read(recorder)
            let results = try connection.run([.beginSnapshot] + recorder.statements + [.commit])
            return try read(RecordedAnswers(results.dropFirst().dropLast(), node: node))
        }
    }

    // MARK: Store

    /// With the audit lines of all nodes.
    package func contents() async throws(StoreError) -> StoreContents {
        try await snapshot(patience: Self.longPatience) { connection in try connection.readContents() }
    }

    package func frame() async throws(StoreError) -> StoreContents {
        try await snapshot(ofNode: node) { connection in try connection.readFrame() }
    }

    package func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await snapshot { connection in try connection.readKeys(after: last, limit: limit) }
    }

    package func commit(_ change: Change) async throws(StoreError) {
        let node = node
        try await withConnection { connection in
            let recorder = StatementRecorder(node: node)
            try recorder.apply(change.inLockingOrder)
            guard !recorder.statements.isEmpty else { return }
            _ = try connection.run(
                [.begin] + recorder.statements + KeyCount.statements(for: change)
                    + Feed.statements(for: change.changedRecords))
            try connection.commit()
        }
    }

    /// Not this engine's: the server has its own ways, and `chatelaine store copy` one from engine to engine.
    package func copy(to path: String) async throws(StoreError) {
        throw .unavailable("a shared store is copied by chatelaine store copy, or by the database's own tools")
    }

    package func close() async throws(StoreError) { await closePools() }

    fileprivate func closePools() async {
        async let feed: Void = feedPool.close()
        async let leases: Void = leasePool.close()
        await pool.close()
        _ = await (feed, leases)
    }
}

/// A shared store that is connected to, in the format that it was found in.
package struct FoundSharedStore: Sendable {
    private let store: PostgreSQLStore
    /// The settings by their names; empty for a store that is new.
    package let settings: [String: [UInt8]]

    fileprivate init(_ store: PostgreSQLStore, settings: [String: [UInt8]]) {
        self.store = store
        self.settings = settings
    }

    /// Brings the tables to this program's format, so that an older program may refuse them from then on.
    ///
    /// - Throws: ``StoreError``.
    package func bringUpToDate() async throws(StoreError) -> PostgreSQLStore {
        try await store.withConnection(patience: PostgreSQLStore.longPatience) { connection in
            try PostgreSQLSchema.bringUpToDate(connection)
        }
        return store
    }

    /// Lets go of the database as it is.
    package func close() async { await store.closePools() }
}

extension Change {
    /// The same change, with its notes of last uses behind everything else and in the order of their keys: nodes write them
    /// for many keys at once, and would wait for each other's locks in a circle.
    fileprivate var inLockingOrder: Change {
        var (others, usages): ([Mutation], [KeyUsageRecord]) = ([], [])
        for mutation in mutations {
            if case .setUsage(let usage) = mutation { usages.append(usage) } else { others.append(mutation) }
        }
        guard usages.count > 1 else { return self }
        let sorted = usages.sorted { $0.key.description < $1.key.description }
        return Change(others + sorted.map(Mutation.setUsage))
    }
}
