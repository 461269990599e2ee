import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite

/// Writes keys into the store of a data directory, many in each transaction.
struct FillDirectoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill-directory",
        abstract: "Write keys into a data directory that a server was started with before.")

    @Option(help: "The data directory; no server may have it.") var dataDir: String
    @Option(help: "Whose keys they are.") var account: String
    @Option(help: "The regions in which they are, by commas.") var regions: String
    @Option(help: "How many there are to be.") var keys: Int

    /// How many keys one transaction writes.
    private static let batch = 5000

    func run() async throws {
        let numbered = try NumberedKeys(
            account: account, regions: regions, rootKey: "\(dataDir)/root.key")
        let store = try await SQLiteStore.open(in: dataDir)
        for first in stride(from: 0, to: keys, by: Self.batch) {
            let changes = try (first..<min(first + Self.batch, keys)).map { try numbered.change($0) }
            try await store.commit(Change(changes.flatMap(\.mutations)))
        }
        try await store.close()
    }
}
