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
        if let client = try ControlClient(in: path), let backup = try await ask(client, passphrase, display) {
            return try finish(backup, display)
        }
        let (hasAudit, destination) = (!withoutAudit, to)
        try await DataDirectory.use(data, seal) { directory in
            let backup = try await directory.backUp(passphrase: passphrase, hasAudit: hasAudit) {
                display.show(done: $0, of: $1)
            }
            display.end()
            try BackupDelivery.move(backup.path, to: destination)
        }
        announce("The backup is \(to).")
    }

    private func ask(
        _ client: ControlClient, _ passphrase: SealSecret?, _ display: ProgressDisplay
    ) async throws -> String? {
        var members: [JSONObject.Member] = [.init(name: "withoutAudit", value: .bool(withoutAudit))]
        if let passphrase { members.append(.init(name: "passphrase", value: .string(passphrase.base64()))) }
        let request = ControlRequest(Self.request, JSONObject(members))
        return try await client.send(request, onProgress: display.show)?.text("path")
    }

    private func finish(_ backup: String, _ display: ProgressDisplay) throws {
        display.end()
        try BackupDelivery.move(backup, to: to)
        announce("The backup is \(to).")
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

/// Brings a backup from the data directory to where it is to be.
enum BackupDelivery {
    private static let pieceByteCount = 1 << 20

    /// Moves the file, durably, also to another file system.
    ///
    /// - Throws: ``CommandFailure``; an existing file is never touched.
    static func move(_ source: String, to destination: String) throws {
        defer { unlink(source) }
        if link(source, destination) != 0 {
            guard errno == EXDEV || errno == EPERM else { throw failure(destination) }
            try copy(source, to: destination)
        }
        try syncDirectory(of: destination)
    }

    private static func copy(_ source: String, to destination: String) throws {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw failure(source) }
        defer { close(input) }
        let output = open(destination, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw failure(destination) }
        defer { close(output) }
        do {
            var piece = [UInt8](repeating: 0, count: pieceByteCount)
            while true {
                let count = read(input, &piece, piece.count)
                guard count >= 0 else { throw failure(source) }
                if count == 0 { break }
                var position = 0
                while position < count {
                    let written = piece.withUnsafeBytes {
                        write(output, $0.baseAddress?.advanced(by: position), count - position)
                    }
                    guard written > 0 else { throw failure(destination) }
                    position += written
                }
            }
            guard fsync(output) == 0 else { throw failure(destination) }
        } catch {
            unlink(destination)
            throw error
        }
    }

    /// Makes the name of a file durable too.
    static func syncDirectory(of path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(directory) }
    }

    private static func failure(_ path: String) -> CommandFailure {
        .operation("cannot write \(path): \(String(cString: strerror(errno)))")
    }
}
