import ArgumentParser
import Foundation

/// What a call costs from the bytes of its request to those of its answer, without a socket, and what its parts do.
@main
struct HotPath: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hot-path",
        abstract: "What a call costs from the bytes of its request to those of its answer, without a socket.",
        subcommands: [
            CallCommand.self, LayersCommand.self, ScalingCommand.self, PrimitivesCommand.self, CommitsCommand.self,
            RowsCommand.self,
        ],
        defaultSubcommand: CallCommand.self)

    /// Says figures as JSON, for the programs in Python that compare them.
    static func say(_ figures: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        FileHandle.standardOutput.write(try encoder.encode(figures) + Data("\n".utf8))
    }
}
