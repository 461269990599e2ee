import ArgumentParser
import Crypto
import Foundation
import KMSModel

/// What each layer of an Encrypt takes, beside one AES-256-GCM seal of 32 bytes.
struct LayersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layers", abstract: "What each layer of an Encrypt takes, beside one AES-256-GCM seal of 32 bytes."
    )

    @Option(help: "How many rounds are measured.")
    var rounds = 301

    @Flag(help: "Say the microseconds as JSON instead of a table.")
    var json = false

    private static let seal = "AES-256-GCM seal of 32 bytes"
    private static let between = "what is between these: finding the key, quotas, metrics, the answer"
    private static let pipeline = "the pipeline, which is all of these"
    private static let http = "HTTP/1.1: reading the request, writing the answer"
    private static let call = "the whole call, without a socket"
    private static let statementsOfSlope = 91

    func run() throws {
        let world = try World()
        let layers = try Layers()
        var harness = Harness(rounds: rounds)
        addSeal(to: &harness)
        layers.add(to: &harness)
        let key = try world.makeKey(policy: BenchmarkPolicy.text(statements: 10))
        let body = World.encryptBody(key: key)
        let (request, signed) = (world.request(.encrypt, body), World.signed(.encrypt, body))
        harness.add(
            Self.pipeline,
            inTask: { [engine = world.engine] in
                _ = try await World.answer(signed, .encrypt, by: engine)
            })
        harness.add(Self.call) { _ = try world.send(request) }
        for primitive in try Primitive.all() { harness.add("primitive of \(primitive.name)", primitive.once) }
        for mismatch in BenchmarkPolicy.Mismatch.allCases {
            for count in [10, 10 + Self.statementsOfSlope] {
                let policy = try DecidedPolicy(statements: count, mismatch: mismatch)
                harness.add("\(mismatch.rawValue) \(count)") { policy.decide() }
            }
        }
        var medians = try harness.medians()
        medians[Self.between] = Layers.names.reduce(medians[Self.pipeline] ?? 0) { $0 - (medians[$1] ?? 0) }
        medians[Self.http] = (medians[Self.call] ?? 0) - (medians[Self.pipeline] ?? 0)
        let statements = Self.takeStatements(from: &medians)
        try layers.close()
        try world.close()
        let figures = Self.figures(medians) + statements
        if json { try HotPath.say(figures) } else { show(figures, medians[Self.seal] ?? 0) }
    }

    /// One line of the table.
    private struct Figure: Encodable {
        let name: String
        let microseconds: Double
    }

    private func addSeal(to harness: inout Harness) {
        let key = SymmetricKey(size: .bits256)
        let plaintext = Data(repeating: 7, count: 32)
        harness.add(Self.seal) { _ = try AES.GCM.seal(plaintext, using: key) }
    }

    /// Takes out what policies of two sizes take, and answers what one more statement does, by why it does not match.
    private static func takeStatements(from medians: inout [String: Double]) -> [Figure] {
        BenchmarkPolicy.Mismatch.allCases.compactMap { mismatch in
            let name = mismatch.rawValue
            guard let few = medians.removeValue(forKey: "\(name) 10"),
                let many = medians.removeValue(forKey: "\(name) \(10 + statementsOfSlope)")
            else { return nil }
            return Figure(
                name: "one more statement that does not match because of its \(name)",
                microseconds: (many - few) / Double(statementsOfSlope))
        }
    }

    /// In the order of a request, then what it is compared with.
    private static func figures(_ medians: [String: Double]) -> [Figure] {
        let names = Layers.names + [between, pipeline, http, call, seal]
        let others = medians.keys.filter { !names.contains($0) }.sorted()
        return (names + others).map { Figure(name: $0, microseconds: medians[$0] ?? 0) }
    }

    private func show(_ figures: [Figure], _ seal: Double) {
        print("| layer | µs | seals |\n| --- | ---: | ---: |")
        for figure in figures {
            let cells = [figure.microseconds, figure.microseconds / seal].map { String(format: "%.2f", $0) }
            print("| \(figure.name) | \(cells.joined(separator: " | ")) |")
        }
    }
}
