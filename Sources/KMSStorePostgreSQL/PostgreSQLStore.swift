import Foundation
package import KMSModel
package import KMSStore
import KMSStoreSQL

/// A store that many nodes share: a database of a server that speaks PostgreSQL's protocol.
///
/// Every call is of the one server that takes writes. Transactions are READ COMMITTED: versions in the statements and the
/// locks of the rows that they write keep changes of the same record apart.
package final class PostgreSQLStore: SharedStore {
    private let crew: ConnectionCrew
    /// What reads the change feed and holds leases, which must not wait behind anything.
    private let watch: ConnectionCrew
    private let node: String

    /// How many connections there are, beside the one that reads the change feed.
    private static let width = 8

    fileprivate init(_ crew: ConnectionCrew, _ watch: ConnectionCrew, node: String) {
        self.crew = crew
        self.watch = watch
        self.node = node
    }

    /// Opens the store at `location`, and makes it when there is none; brings it to this program's format.
    ///
    /// - Parameters:
    ///   - location: A connection string or URI of libpq (PostgreSQL documentation, 34.1.1).
    ///   - node: The name of this node, whose audit lines are kept apart.
    /// - Throws: ``StoreError``.
    package static func open(_ location: String, node: String) async throws(StoreError) -> PostgreSQLStore {
        try await find(location, node: node).bringUpToDate()
    }

    /// Looks at what is at `location`, and leaves it in the format that it has.
    ///
    /// - Throws: ``StoreError``.
    package static func find(_ location: String, node: String) async throws(StoreError) -> FoundSharedStore {
        let place = try ServerPlace(location)
        let store = PostgreSQLStore(
            ConnectionCrew(place, width: width), ConnectionCrew(place, width: 1), node: node)
        do throws(StoreError) {
            let settings = try await store.crew.perform { connection in
                let session = SQLSession(connection: connection, node: node)
                let tables = try session.rows(
                    "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ?",
                    ["setting"]
                ) { try $0.integer() }
                return tables.first == 0 ? [:] : try session.readSettings()
            }
            return FoundSharedStore(store: store, settings: settings)
        } catch {
            store.closeNow()
            throw error
        }
    }

    fileprivate func bringUpToDate() async throws(StoreError) {
        try await crew.perform { connection in try Schema.bring(upToDate: connection) }
    }

    fileprivate func closeNow() {
        crew.close()
        watch.close()
    }

    /// Reads several things as they were at one moment.
    private func readAtOnce<Value: Sendable>(
        _ work: @escaping @Sendable (SQLSession) throws -> Value
    ) async throws(StoreError) -> Value {
        try await crew.perform { [node] connection in
            try connection.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") {
                try work(SQLSession(connection: connection, node: node))
            }
        }
    }

    /// Reads one thing.
    private func read<Value: Sendable>(
        _ work: @escaping @Sendable (SQLSession) throws -> Value
    ) async throws(StoreError) -> Value {
        try await crew.perform { [node] connection in try work(SQLSession(connection: connection, node: node)) }
    }

    private func watching<Value: Sendable>(
        _ work: @escaping @Sendable (SQLSession) throws -> Value
    ) async throws(StoreError) -> Value {
        try await watch.perform { [node] connection in try work(SQLSession(connection: connection, node: node)) }
    }

    private func write<Value: Sendable>(
        _ work: @escaping @Sendable (SQLSession) throws -> Value
    ) async throws(StoreError) -> Value {
        try await crew.perform { [node] connection in
            try connection.transaction { try work(SQLSession(connection: connection, node: node)) }
        }
    }

    // MARK: Store

    package func contents() async throws(StoreError) -> StoreContents {
        try await readAtOnce { session in try session.readContents(auditLines: Condition("node = ?", [session.node])) }
    }

    package func frame() async throws(StoreError) -> StoreContents {
        try await readAtOnce { session in try session.readFrame(auditLines: Condition("node = ?", [session.node])) }
    }

    package func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await readAtOnce { session in try session.readKeys(after: last, limit: limit) }
    }

    package func commit(_ change: Change) async throws(StoreError) {
        try await write { session in try session.write(change) }
    }

    package func copy(to path: String) async throws(StoreError) {
        throw .unavailable("a shared store is copied by `chatelaine store copy`, or by the means of its database")
    }

    package func check() async throws(StoreError) {
        _ = try await readAtOnce { session in try session.readContents() }
    }

    package func close() async throws(StoreError) { closeNow() }

    // MARK: What changed

    package func position() async throws(StoreError) -> FeedPosition {
        try await watching { session in try ChangeFeed(session: session).position().0 }
    }

    package func changes(after position: FeedPosition) async throws(StoreError) -> FeedNews {
        try await watching { session in try ChangeFeed(session: session).changes(after: position) }
    }

    // MARK: Single records

    package func keys(_ ids: [KeyID]) async throws(StoreError) -> [StoredKey] {
        try await readAtOnce { session in try session.readKeys(ids) }
    }

    package func alias(_ arn: AliasARN) async throws(StoreError) -> AliasRecord? {
        try await read { session in
            try session.records(
                .aliases,
                where: Condition(
                    "account = ? AND region = ? AND name = ?",
                    [arn.realm.account.description, arn.realm.region.description, arn.name.description])
            ).first
        }
    }

    package func account(_ id: AccountID) async throws(StoreError) -> StoreContents {
        try await readAtOnce { session in try session.readAccount(id) }
    }

    package func settings() async throws(StoreError) -> [String: [UInt8]] {
        try await read { session in try session.readSettings() }
    }

    // MARK: Lists

    package func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) async throws(StoreError) -> [KeyID] {
        try await read { session in try session.keyIDs(in: realm, after: last, limit: limit) }
    }

    package func aliases(
        in realm: Realm, after last: AliasName?, limit: Int
    ) async throws(StoreError) -> [AliasRecord] {
        try await read { session in try session.aliases(in: realm, after: last, limit: limit) }
    }

    package func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) async throws(StoreError) -> [GrantRecord] {
        try await read { session in
            try session.grants(retirableBy: principal, in: region, after: last, limit: limit)
        }
    }

    package func realms(of account: AccountID?) async throws(StoreError) -> [Realm] {
        try await read { session in try session.realms(of: account) }
    }

    package func customerKeyCount(in realm: Realm) async throws(StoreError) -> Int {
        try await read { session in try session.customerKeyCount(in: realm) }
    }

    package func next(_ event: KeyEvent, limit: Int) async throws(StoreError) -> [KeyDue] {
        try await read { session in try session.next(event, limit: limit) }
    }

    package func keyCounts() async throws(StoreError) -> [KeyKind: Int] {
        try await read { session in try session.keyCounts() }
    }

    // MARK: Nodes

    package func claim(
        _ lease: String, for holder: String, lasting duration: Duration
    ) async throws(StoreError) -> Bool {
        try await watching { session in
            try session.connection.transaction { try session.claim(lease, for: holder, lasting: duration) }
        }
    }

    package func release(_ lease: String, by holder: String) async throws(StoreError) {
        try await watching { session in
            try session.connection.transaction {
                _ = try session.run(
                    "DELETE FROM lease WHERE name = ? AND holder = ?", [.text(lease), .text(holder)])
            }
        }
    }

    package func heldLeases(beginning prefix: String) async throws(StoreError) -> [String] {
        try await watching { session in try session.heldLeases(beginning: prefix) }
    }

    package func nodesWithAuditLines() async throws(StoreError) -> [String] {
        try await read { session in
            try session.rows("SELECT DISTINCT node FROM audit_outbox ORDER BY node") { try $0.parsed { $0 } }
        }
    }

    package func adoptAuditLines(of node: String) async throws(StoreError) -> [KeptAuditLines] {
        try await write { session in try session.adoptAuditLines(of: node) }
    }
}

/// A shared store that is reached and is in the format that it was found in.
package struct FoundSharedStore: Sendable {
    private let store: PostgreSQLStore
    /// The settings by their names; empty where there is no store yet.
    package let settings: [String: [UInt8]]

    fileprivate init(store: PostgreSQLStore, settings: [String: [UInt8]]) {
        self.store = store
        self.settings = settings
    }

    /// Makes the tables, or brings them to this program's format, so that an older program may refuse them from then on.
    ///
    /// - Throws: ``StoreError``.
    package func bringUpToDate() async throws(StoreError) -> PostgreSQLStore {
        do throws(StoreError) {
            try await store.bringUpToDate()
        } catch {
            store.closeNow()
            throw error
        }
        return store
    }

    /// Lets go of the server.
    package func close() async throws(StoreError) { store.closeNow() }
}
