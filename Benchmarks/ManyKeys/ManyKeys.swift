import ArgumentParser

/// What `make bench-keys` needs beside the server: a store with millions of genuine keys, and a watch.
@main
struct ManyKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "many-keys", abstract: "Fill a shared store with keys, and time what is asked of it.",
        subcommands: [FillCommand.self, AskCommand.self])
}
