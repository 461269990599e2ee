import ArgumentParser
import Foundation
import KMSCrypto
import KMSModel
import NIOPosix

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write everything into one encrypted file, while the server runs or without one.",
        discussion: """
            The file holds the store as it is at one moment, and the audit log. It is opened by what opens the seal of the \
            directory (a root key in a file is not in it: keep that apart), or by a passphrase of its own.
            """
    )
    /// The name that a server knows it by.
    static let request = "backup"
    /// The member of its answer with the name of the backup in the data directory.
    static let nameMember = "name"

    @OptionGroup var data: DataOptions

    @Option(help: "The file to write; there must be none of that name.")
    var to: String

    @Flag(help: "Protect it by a passphrase, with which alone it can be restored.")
    var withPassphrase = false

    @Option(help: "A file with that passphrase (default: a prompt).")
    var backupPassphraseFile: String?

    @Option(help: "The number of an open file descriptor to read that passphrase from.")
    var backupPassphraseFd: String?

    @Flag(help: "Leave the audit log out.")
    var withoutAudit = false

    @OptionGroup var seal: SealOptions

    mutating func run() async throws {
        let settings = try Settings(config: data.config)
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        guard !FileManager.default.fileExists(atPath: to) else {
            throw CommandFailure.operation("there is a file \(to) already")
        }
        let passphrase = try await passphrase()
        let display = ProgressDisplay("bytes encrypted")
        if try await !isMadeByServer(of: path, passphrase, display) {
            let (hasAudit, destination) = (!withoutAudit, to)
            try await DataDirectory.use(data, seal) { directory in
                let backup = try await directory.backUp(passphrase: passphrase, hasAudit: hasAudit) {
                    display.show(done: $0, of: $1)
                }
                try await StagedBackup.deliver(backup.name, in: path, to: destination)
            }
        }
        display.end()
        announce("The backup is \(to).")
    }

    /// Asks the server of a directory, and takes what it made; false when there is none.
    private func isMadeByServer(
        of path: String, _ passphrase: SealSecret?, _ display: ProgressDisplay
    ) async throws -> Bool {
        guard let client = try ControlClient(in: path) else { return false }
        var members: [JSONObject.Member] = [.init(name: "withoutAudit", value: .bool(withoutAudit))]
        if let passphrase { members.append(.init(name: "passphrase", value: .string(passphrase.base64()))) }
        let request = ControlRequest(Self.request, JSONObject(members))
        let answer = try await client.send(request, onProgress: display.show) { answer in
            try await StagedBackup.deliver(answer.text(Self.nameMember) ?? "", in: path, to: to)
        }
        return answer != nil
    }

    private func passphrase() async throws -> SealSecret? {
        guard withPassphrase || backupPassphraseFile != nil || backupPassphraseFd != nil else { return nil }
        let source = try SecretSource(
            "the passphrase of the backup", descriptor: backupPassphraseFd, file: backupPassphraseFile, credential: nil)
        return try await NIOThreadPool.singleton.runIfActive {
            try source.read(question: "New passphrase of the backup", isNew: true)
        }
    }
}
