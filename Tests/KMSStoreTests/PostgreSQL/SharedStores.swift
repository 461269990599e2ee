import KMSStore
import KMSStorePostgreSQL
import Testing

extension Trait where Self == ConditionTrait {
    /// The continuous build has one.
    static var postgreSQL: Self { .enabled(if: PostgreSQLServer.isInstalled, "PostgreSQL is not installed") }
}

/// The stores of several nodes in one database.
struct SharedStores: Sendable {
    let directory: ScratchDirectory
    let server: PostgreSQLServer
    private let patience: Duration

    init(_ server: PostgreSQLServer? = nil, patience: Duration = .seconds(60)) throws {
        directory = try ScratchDirectory()
        self.server = try server ?? PostgreSQLServer.shared.get()
        self.patience = patience
    }

    /// A node's store; of a server of its own a test wants to know soon that it does not answer.
    func open(_ node: String) async throws -> PostgreSQLStore {
        let timeout = patience < .seconds(60) ? "2" : "60"
        let location = try server.location(of: directory) + "&connect_timeout=\(timeout)"
        return try await PostgreSQLStore.open(location, node: node, patience: patience)
    }

    /// Runs `body` with the stores of two nodes.
    static func withTwo(_ body: (PostgreSQLStore, PostgreSQLStore) async throws -> Void) async throws {
        let stores = try SharedStores()
        let (one, two) = (try await stores.open("one"), try await stores.open("two"))
        try await body(one, two)
        try await one.check()
        try await one.close()
        try await two.close()
    }
}
