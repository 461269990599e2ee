import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSIdentity
import KMSModel
import Logging

struct AccountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "Make and list the accounts of a data directory.",
        discussion: "The server must not be running: a data directory is one process's at a time.",
        subcommands: [Create.self, RootKey.self, List.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an account, and an access key for its root user, which is shown only now.")

        @OptionGroup var data: DataOptions
        @OptionGroup var seal: SealOptions

        @Option(help: "Its number, twelve digits (default: a random one).")
        var account: String?

        @Option(help: "Where it is: aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e or aws-iso-f.")
        var partition = Partition.aws.rawValue

        mutating func run() async throws {
            try await DataDirectory.use(data, seal) { directory in
                let account = try account.map(AccountCommand.parsed) ?? FirstAccount.randomNumber()
                guard !directory.engine.identities.hosts(account) else {
                    throw CommandFailure.operation("there is an account \(account) already")
                }
                guard let partition = Partition(rawValue: partition) else {
                    throw CommandFailure.configuration("\"\(partition)\" is not a partition of AWS")
                }
                try await AccountCommand.showNewCredential(of: account, at: partition, in: directory)
            }
        }
    }

    struct RootKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make another access key for the root user of an account, for when all are lost.")

        @OptionGroup var data: DataOptions
        @OptionGroup var seal: SealOptions

        @Option(help: "The account's number.")
        var account: String

        mutating func run() async throws {
            try await DataDirectory.use(data, seal) { directory in
                let account = try AccountCommand.parsed(account)
                guard directory.engine.identities.hosts(account) else {
                    throw CommandFailure.operation("there is no account \(account)")
                }
                try await AccountCommand.showNewCredential(of: account, in: directory)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the accounts and their partitions, a line for each.")

        @OptionGroup var data: DataOptions
        @OptionGroup var seal: SealOptions

        mutating func run() async throws {
            try await DataDirectory.use(data, seal) { directory in
                let identities = directory.engine.identities
                for account in identities.accounts {
                    try say("\(account) \(identities.partition(of: account)?.rawValue ?? "")")
                }
            }
        }
    }

    fileprivate static func parsed(_ text: String) throws -> AccountID {
        guard let account = AccountID(text) else {
            throw CommandFailure.configuration("\"\(text)\" is not an account: twelve digits")
        }
        return account
    }

    /// - Parameter partition: Where the account is if it is new.
    fileprivate static func showNewCredential(
        of account: AccountID, at partition: Partition = .aws, in directory: DataDirectory
    ) async throws {
        // While nothing is made yet: an access key that nobody can read is of no use.
        try say("# The root user of the account \(account); the secret is shown only now.")
        let credential: AccountRegistry.RootCredential
        do throws(AccountRegistry.Failure) {
            credential = try await directory.engine.accounts.makeRootCredential(for: account, in: partition)
        } catch {
            throw CommandFailure.operation("cannot make the access key: \(error)")
        }
        let secret = credential.secret.withBytes { String(decoding: $0, as: UTF8.self) }
        try show(
            """
            export AWS_ACCESS_KEY_ID=\(credential.accessKeyID)
            export AWS_SECRET_ACCESS_KEY=\(secret)
            """, newKeyOf: account)
    }

    /// Says the only time what a new access key is.
    ///
    /// - Throws: ``CommandFailure``, with how another one is made.
    static func show(_ text: String, newKeyOf account: AccountID) throws(CommandFailure) {
        do throws(CommandFailure) {
            try say(text)
        } catch {
            throw .operation(
                "\(error.message); `chatelaine account root-key --account \(account)` makes another access key")
        }
    }
}
