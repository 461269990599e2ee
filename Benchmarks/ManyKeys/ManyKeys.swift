import ArgumentParser

/// What `make bench-keys` and `make bench` need beside the server: stores with millions of genuine keys, and a watch.
@main
struct ManyKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "many-keys", abstract: "Fill a store with keys, and time what is asked of it.",
        subcommands: [FillCommand.self, FillDirectoryCommand.self, AskCommand.self])
}
