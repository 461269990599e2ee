import ArgumentParser
import Foundation
import KMSModel

/// Whether the cost of a call grows with what there is: keys, grants of its key, statements of its policy.
struct ScalingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling",
        abstract: "Say as JSON how many microseconds an Encrypt takes among how many keys, grants and statements.")

    @Option(help: "How many keys a data directory has, and where it is, as in 10000=PATH; may be repeated.")
    var dataDir: [String] = []

    @Option(help: "How many grants a key has in the end, by commas.")
    var grants = "100,10000"

    @Option(help: "How many rounds are measured.")
    var rounds = 301

    /// As many keys are used in turn, however many there are.
    private static let usedKeys = 10

    private struct Figures: Codable {
        let keys: [String: Double]
        let grants: [String: Double]
        let statements: [String: Double]
        /// Those of a policy alone.
        let decisions: [String: Double]
    }

    func run() throws {
        let small = try World()
        for _ in 0..<Self.usedKeys { _ = try small.makeKey() }
        let others = try dataDir.map { text in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw ValidationError("\(text) is not a count and a path.") }
            return (name: parts[0], world: try World(at: URL(fileURLWithPath: parts[1], isDirectory: true)))
        }
        let figures = Figures(
            keys: try ofKeys(in: [(String(Self.usedKeys), small)] + others), grants: try ofGrants(in: small),
            statements: try ofStatements(in: small), decisions: try ofDecisions())
        try small.close()
        for (_, world) in others { try world.close() }
        try HotPath.say(figures)
    }

    private func ofKeys(in worlds: [(name: String, world: World)]) throws -> [String: Double] {
        var harness = Harness(rounds: rounds)
        for (name, world) in worlds {
            let requests = try world.keyIDs(Self.usedKeys).enumerated().map { number, key in
                world.request(.encrypt, World.encryptBody(key: key, number: number))
            }
            harness.add(name) { count in
                for number in 0..<count { _ = try world.send(requests[number % requests.count]) }
            }
        }
        return try harness.medians()
    }

    private static let statementCounts = [1, 10, 100]

    private func ofDecisions() throws -> [String: Double] {
        var harness = Harness(rounds: rounds)
        for count in Self.statementCounts {
            let policy = try DecidedPolicy(statements: count, mismatch: .condition)
            harness.add(String(count)) { policy.decide() }
        }
        return try harness.medians()
    }

    private func ofStatements(in world: World) throws -> [String: Double] {
        var harness = Harness(rounds: rounds)
        for count in Self.statementCounts {
            let key = try world.makeKey(policy: BenchmarkPolicy.text(statements: count))
            let request = world.request(.encrypt, World.encryptBody(key: key))
            harness.add(String(count)) { _ = try world.send(request) }
        }
        return try harness.medians()
    }

    /// Of a key that its policy lets nobody use: with no grant but the caller's own, and with others of other accounts.
    private func ofGrants(in world: World) throws -> [String: Double] {
        var harness = Harness(rounds: rounds)
        for count in [0] + grants.split(separator: ",").compactMap({ Int($0) }) {
            let key = try world.makeKey(policy: BenchmarkPolicy.forGrants)
            func grant(to account: String) throws {
                let body =
                    #"{"KeyId":"\#(key)","GranteePrincipal":"arn:aws:iam::\#(account):root","Operations":["Encrypt"]}"#
                _ = try world.ask(.createGrant, body, for: "GrantId")
            }
            for number in 0..<count { try grant(to: String(444_455_550_000 + number)) }
            try grant(to: BenchmarkPolicy.account)
            let request = world.request(.encrypt, World.encryptBody(key: key))
            harness.add(String(count)) { _ = try world.send(request) }
        }
        return try harness.medians()
    }
}
