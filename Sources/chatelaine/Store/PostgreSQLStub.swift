import KMSStore

// Stands for the engine of shared stores as long as this program is built without it.

struct FoundSharedStore {
    let settings: [String: [UInt8]]

    func bringUpToDate() async throws(StoreError) -> any SharedStore { throw PostgreSQLStore.absent }
    func close() async {}
}

enum PostgreSQLStore {
    fileprivate static let absent = StoreError.unavailable("this program was built without shared stores")

    static func find(_ location: String, node: String) async throws(StoreError) -> FoundSharedStore { throw absent }
    static func open(_ location: String, node: String) async throws(StoreError) -> any SharedStore { throw absent }
}
