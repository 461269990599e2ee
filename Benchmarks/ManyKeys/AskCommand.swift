import ArgumentParser
import Foundation
import KMSModel
import KMSStore
import KMSStorePostgreSQL

/// Asks the store what nodes ask it, and says as JSON how many milliseconds each question takes.
struct AskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask", abstract: "Time what nodes ask of the store at CHATELAINE_STORE.")

    @Option(help: "Whose keys they are.") var account: String
    @Option(help: "A region with keys.") var region: String
    @Option(help: "How many keys there are.") var keys: Int

    /// How often each question is asked; the median counts.
    private static let times = 9

    func run() async throws {
        guard let account = AccountID(account) else { throw ValidationFailure.account }
        guard let region = Region(region) else { throw ValidationFailure.region(region) }
        let realm = Realm(account: account, region: region)
        let location = ProcessInfo.processInfo.environment["CHATELAINE_STORE"] ?? ""
        let store = try await PostgreSQLStore.open(location, node: "many-keys")
        var took: [String: Double] = [:]
        func time(_ name: String, times: Int = Self.times, _ ask: () async throws -> Void) async throws {
            var samples: [Double] = []
            for _ in 0..<times {
                let duration = try await ContinuousClock().measure { try await ask() }
                samples.append(duration / .milliseconds(1))
            }
            took[name] = samples.sorted()[samples.count / 2]
        }
        for event in KeyEvent.allCases {
            try await time("next \(event)") { _ = try await store.next(event, limit: 1) }
        }
        try await time("customer keys of a realm") { _ = try await store.customerKeyCount(in: realm) }
        try await time("realms") { _ = try await store.realms(of: nil) }
        try await time("keys by kind", times: 3) { _ = try await store.keyCounts() }
        // Identifiers are even, so as many of them are behind this one as a page has.
        let share = 1000 / Double(try await store.customerKeyCount(in: realm))
        let start = UInt64(4_294_967_295 * (1 - share))
        let place = Hex.encode((0..<4).map { UInt8(truncatingIfNeeded: start >> (24 - 8 * $0)) })
        guard let late = KeyID("\(place)-0000-4000-8000-000000000000") else { throw ValidationFailure.keyID }
        try await time("the last 1000 identifiers of a realm") {
            _ = try await store.keyIDs(in: realm, after: late, limit: 1001)
        }
        try await time("500 keys near the end") {
            _ = try await store.keys(after: KeyARN(realm: realm, keyID: late), limit: 500)
        }
        try await time("one key", times: 2000) {
            _ = try await store.keys([try NumberedKeys.keyID(Int.random(in: 0..<keys))])
        }
        try await time("feed") { _ = try await store.changes(after: try await store.position().position) }
        try await store.close()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        FileHandle.standardOutput.write(try encoder.encode(took) + Data("\n".utf8))
    }
}
