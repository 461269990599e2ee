import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import NIOPosix

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a data directory from a backup.",
        discussion: """
            What opens the backup is asked for as for `serve`: the passphrase, the token or the key shares. A backup of a \
            directory with its root key in a file needs --root-key. The directory appears when all of it is there; one \
            that is there must be empty.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(help: "The backup.")
    var from: String

    @Option(help: "The copy of root.key that goes with it.")
    var rootKey: String?

    @OptionGroup var seal: SealOptions

    mutating func run() async throws {
        let settings = try Settings(config: data.config)
        let secrets = try SealSecrets(seal, settings)
        try ProcessHardening.apply()
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        try settings.storePlace(data, path: path).checkOwn(
            "restore makes a data directory with a store of its own, which `chatelaine store copy` can then move")
        let display = ProgressDisplay("bytes restored")
        try await NIOThreadPool.singleton.runIfActive { [from, rootKey] in
            let place = try RestorationPlace(path)
            try Restoration(of: from, to: place).run(with: secrets, rootKey: rootKey) { display.show(done: $0, of: $1) }
        }
        display.end()
        announce("\(path) is restored. `chatelaine verify` looks at everything that is in it.")
    }
}

/// Brings a backup into a directory of its own first, and to its place when everything is there.
private struct Restoration {
    private let backup: String
    private let place: RestorationPlace
    private var unfinished: String { place.unfinished }

    init(of backup: String, to place: RestorationPlace) {
        self.backup = backup
        self.place = place
    }

    func run(with secrets: SealSecrets, rootKey: String?, _ onProgress: (Int, Int) -> Void) throws {
        do {
            let reader = try BackupReader(backup)
            let key = try open(reader.header, secrets, rootKey)
            guard mkdir("\(unfinished)/\(BackupSource.auditName)", 0o700) == 0 else {
                throw failure("create", "\(unfinished)/\(BackupSource.auditName)")
            }
            try reader.restore(into: unfinished, rootKey: key, admits: BackupSource.admits) {
                onProgress($0, reader.byteCount)
            }
            try place.fill()
        } catch {
            place.abandon()
            throw (error as? CommandFailure) ?? CommandFailure.operation("cannot restore \(backup): \(error)")
        }
    }

    /// The root key, whose seal is in the new directory from now on.
    private func open(_ header: BackupHeader, _ secrets: SealSecrets, _ rootKey: String?) throws -> RootKey {
        let files = SealDirectory(unfinished)
        guard let document = header.seal else {
            guard let rootKey else {
                throw CommandFailure.configuration(
                    "the backup is of a directory with its root key in a file: --root-key must name a copy of that")
            }
            return try CommandFailure.explaining { () throws(SealFailure) in
                let key = try FileSeal(path: rootKey).open()
                try files.fileSeal.seal(key)
                return key
            }
        }
        guard
            FileManager.default.createFile(
                atPath: files.documentPath, contents: Data(document), attributes: [.posixPermissions: 0o600])
        else { throw failure("create", files.documentPath) }
        let parameters = try CommandFailure.explaining { () throws(SealFailure) in
            try SealDocument(at: files.documentPath)
        }
        let credential = try secrets.credential(for: parameters)
        return try CommandFailure.explaining { () throws(SealFailure) in
            let seal = try DocumentSeal(at: files.documentPath, with: credential)
            let key = try seal.open()
            // Written once more by what writes such files durably.
            try seal.seal(key)
            return key
        }
    }

    private func failure(_ attempt: String, _ path: String) -> CommandFailure {
        .operation("cannot \(attempt) \(path): \(String(cString: strerror(errno)))")
    }
}
