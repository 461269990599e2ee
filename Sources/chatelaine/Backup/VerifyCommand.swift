import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Look at the whole store, and open every secret in it.",
        discussion: "A server that runs does it while it answers. The exit code is 1 when anything is damaged."
    )
    /// The name that a server knows it by.
    static let request = "verify"

    @OptionGroup var data: DataOptions
    @OptionGroup var seal: SealOptions

    mutating func run() async throws {
        let settings = try Settings(config: data.config)
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        let display = ProgressDisplay("opened")
        var answer: JSONObject?
        if let client = try ControlClient(in: path) {
            answer = try await client.send(ControlRequest(Self.request), onProgress: display.show)
        }
        if answer == nil {
            try await DataDirectory.use(data, seal) { directory in
                answer = try await directory.verify { display.show(done: $0, of: $1) }
            }
        }
        display.end()
        try report(answer ?? JSONObject())
    }

    private func report(_ answer: JSONObject) throws {
        func count(_ name: String) -> Int { Int(answer.number(name) ?? 0) }
        for finding in answer.texts("findings") { try say(finding) }
        guard count("damaged") == 0 else {
            throw CommandFailure.operation("\(count("damaged")) records are damaged")
        }
        try say(
            "The store is whole: \(count("materials")) generations of key material and \(count("secrets")) secrets of access "
                + "keys open. Imported material that is not there: \(count("absent")).")
        guard count("elsewhere") + count("keyStoreSecrets") > 0 else { return }
        try say(
            "Of custom key stores, \(count("keyStoreSecrets")) secrets open. Keys that are in their tokens, and were not "
                + "looked at: \(count("elsewhere")).")
    }
}

extension DataDirectory {
    /// Looks at everything that is stored.
    ///
    /// - Throws: ``CommandFailure`` for a store that cannot be read, or finds itself damaged.
    func verify(_ onProgress: @Sendable (Int, Int) async -> Void) async throws -> JSONObject {
        do throws(StoreError) {
            let report = try await engine.verification.run(onProgress)
            return JSONObject([
                "materials": .number("\(report.materials)"), "secrets": .number("\(report.secrets)"),
                "absent": .number("\(report.absent)"), "elsewhere": .number("\(report.elsewhere)"),
                "keyStoreSecrets": .number("\(report.keyStoreSecrets)"), "damaged": .number("\(report.damaged)"),
                "findings": .array(report.findings.map { .string($0) }),
            ])
        } catch {
            throw CommandFailure.operation("the store is damaged: \(error)")
        }
    }

    /// What the server does for `chatelaine verify`.
    var verifyCommand: ControlCommand {
        ControlCommand(name: VerifyCommand.request) { _, progress in
            try await verify { done, all in
                progress(JSONObject(["done": .number("\(done)"), "all": .number("\(all)")]))
            }
        }
    }
}
