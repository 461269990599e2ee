import ArgumentParser
import Foundation
import KMSStoreSQL

/// Writes keys as a script for psql to standard output.
struct FillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fill", abstract: "Make keys, as a script for psql.")

    @Option(help: "The file with the root key of the store.") var rootKey: String
    @Option(help: "Whose keys they are.") var account: String
    @Option(help: "The regions in which they are, by commas.") var regions: String
    @Option(help: "The number of the first key.") var first = 0
    @Option(help: "The number behind that of the last key.") var end: Int
    @Option(help: "By how much the numbers differ: so several can share the work.") var stride = 1

    /// How many keys are said at a time.
    private static let batch = 10_000

    func run() throws {
        let keys = try NumberedKeys(account: account, regions: regions, rootKey: rootKey)
        let script = CopyScript()
        var count = 0
        for number in Swift.stride(from: first, to: end, by: stride) {
            try script.apply(try keys.change(number))
            count += 1
            if count.isMultiple(of: Self.batch) { try script.flush(to: .standardOutput) }
        }
        try script.flush(to: .standardOutput)
    }
}
