import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite
import NIOPosix
import Synchronization

/// A backup that was written into the data directory, where the server may write in any case.
struct WrittenBackup {
    /// Its name in the directory (``BackupName/staged``).
    let name: String
    let byteCount: Int
}

/// Lets one backup of a directory be made at a time.
final class BackupTurn: Sendable {
    private let isTaken = Mutex(false)

    /// - Throws: ``CommandFailure`` while another one is made.
    func take<Value>(_ work: () async throws -> Value) async throws -> Value {
        guard
            isTaken.withLock({ isTaken in
                defer { isTaken = true }
                return !isTaken
            })
        else { throw CommandFailure.operation("a backup is under way; try again when that is done") }
        defer { isTaken.withLock { $0 = false } }
        return try await work()
    }
}

extension DataDirectory {
    /// What belongs together: the root key, what yields it, and the mark of it that is in the copy of the store.
    private struct Moment: Sendable {
        let header: BackupHeader
        let rootKey: RootKey
    }

    /// Writes a backup beside the store, while requests are answered.
    ///
    /// - Parameters:
    ///   - passphrase: What the backup is opened with; nil for the seal of the directory.
    ///   - hasAudit: Whether the audit log is in it.
    /// - Throws: ``CommandFailure``; nothing is left then.
    func backUp(
        passphrase: SealSecret?, hasAudit: Bool, _ onProgress: @escaping @Sendable (Int, Int) -> Void
    ) async throws -> WrittenBackup {
        guard membership == nil else {
            throw CommandFailure.operation(
                "a store that nodes share is backed up by its database; `chatelaine store copy` makes a data directory of "
                    + "it")
        }
        return try await backupTurn.take {
            let name = BackupName()
            let copy = "\(path)/\(name.copy)"
            defer { for ending in ["", "-journal"] { unlink(copy + ending) } }
            do {
                let moment = try await hold(name, passphrase)
                return try await NIOThreadPool.singleton.runIfActive { [path] in
                    let source = try BackupSource(
                        store: copy, auditDirectory: hasAudit ? "\(path)/\(BackupSource.auditName)" : nil)
                    defer { source.close() }
                    let (all, done) = (source.byteCount, Counter())
                    try source.write(to: "\(path)/\(name.staged)", moment.header, rootKey: moment.rootKey) { count in
                        onProgress(done.add(count), all)
                    }
                    return WrittenBackup(name: name.staged, byteCount: all)
                }
            } catch {
                unlink("\(path)/\(name.staged)")
                throw Self.failure(error)
            }
        }
    }

    /// Copies the store while the root key stays what it is, and makes what opens the copy.
    private func hold(_ name: BackupName, _ passphrase: SealSecret?) async throws -> Moment {
        try await engine.rootRotation.withRootKeyAtRest { [path, seal, store, now = engine.now] rootKey in
            let copy = "\(path)/\(name.copy)"
            try await store.copy(to: copy)
            let setting = RootRotation.markSetting
            // What is not so could never be restored, and nobody would know before they had to.
            guard let mark = try await SQLiteStore.setting(setting, inCopyAt: copy), !mark.isEmpty,
                Engine.mayOpen([setting: mark], with: rootKey)
            else {
                throw CommandFailure.operation("the copy of the store is not under the root key")
            }
            return try await NIOThreadPool.singleton.runIfActive {
                let document = try Self.document(for: rootKey, passphrase, seal, in: path, as: name)
                return Moment(
                    header: BackupHeader(
                        date: now, salt: try BackupCipher.makeSalt(), check: BackupCipher.check(of: rootKey),
                        seal: document),
                    rootKey: rootKey)
            }
        }
    }

    /// The document that yields the root key: one of the passphrase, or the directory's own, if it has one.
    private static func document(
        for rootKey: RootKey, _ passphrase: SealSecret?, _ seal: any Seal, in directory: String, as name: BackupName
    ) throws -> [UInt8]? {
        guard let passphrase else {
            guard seal.kind != .file else { return nil }
            return try bytes(ofDocumentAt: SealDirectory(directory).documentPath)
        }
        let path = "\(directory)/\(name.document)"
        defer { unlink(path) }
        try CommandFailure.explaining { () throws(SealFailure) in
            try DocumentSeal.make(at: path, passphrase: passphrase).create(holding: rootKey)
        }
        return try bytes(ofDocumentAt: path)
    }

    private static func bytes(ofDocumentAt path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure.operation("cannot read \(path)")
        }
        return Array(data)
    }

    private static func failure(_ error: any Error) -> CommandFailure {
        switch error {
        case let failure as CommandFailure: failure
        case RootRotation.Failure.underWay:
            .operation("the root key is being rotated; try again when that is done")
        case let failure as RootRotation.Failure: CommandFailure(failure)
        case let failure as StoreError: .operation("cannot copy the store: \(failure)")
        default: .operation("cannot write the backup: \(error)")
        }
    }

    /// What the server does for `chatelaine backup`.
    ///
    /// A backup is there for as long as the one who asked for it listens.
    var backupCommand: ControlCommand {
        ControlCommand(name: BackupCommand.request) { members, progress in
            let passphrase = try members.text("passphrase").flatMap { Base64.decode($0) }.map {
                try SealSecret(copying: $0)
            }
            let backup = try await backUp(passphrase: passphrase, hasAudit: !members.flag("withoutAudit")) {
                progress(JSONObject(["done": .number("\($0)"), "all": .number("\($1)")]))
            }
            return JSONObject([
                BackupCommand.nameMember: .string(backup.name), "bytes": .number("\(backup.byteCount)"),
            ])
        } afterwards: { [path] answer in
            if let name = answer.text(BackupCommand.nameMember) { unlink("\(path)/\(name)") }
        }
    }
}

/// A sum that one thread makes.
private final class Counter {
    private var sum = 0

    func add(_ count: Int) -> Int {
        sum += count
        return sum
    }
}
