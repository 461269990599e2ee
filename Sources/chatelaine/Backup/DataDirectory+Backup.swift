import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore
import KMSStoreSQLite
import NIOPosix

/// A backup that was written into the data directory, where the server may write in any case.
struct WrittenBackup {
    let path: String
    let byteCount: Int
}

extension DataDirectory {
    private static let prefix = "backup-"

    /// Writes a backup beside the store, while requests are answered.
    ///
    /// - Parameters:
    ///   - passphrase: What the backup is opened with; nil for the seal of the directory.
    ///   - hasAudit: Whether the audit log is in it.
    /// - Throws: ``CommandFailure``; nothing is left then.
    func backUp(
        passphrase: SealSecret?, hasAudit: Bool, _ onProgress: @escaping @Sendable (Int, Int) -> Void
    ) async throws -> WrittenBackup {
        guard await !engine.rootRotation.isUnderWay else {
            throw CommandFailure.operation("the root key is being rotated; try again when that is done")
        }
        removeLeftovers()
        let name = "\(path)/\(Self.prefix)\(UUID().uuidString.lowercased())"
        let (copy, output) = ("\(name).sqlite", "\(name).tmp")
        defer { unlink(copy) }
        do throws(StoreError) {
            try await store.copy(to: copy)
        } catch {
            throw CommandFailure.operation("cannot copy the store: \(error)")
        }
        do {
            return try await engine.withRootKey { [path, seal, now = engine.now] rootKey in
                try await NIOThreadPool.singleton.runIfActive {
                    let document = try Self.document(for: rootKey, passphrase, seal, in: path, besides: name)
                    let header = BackupHeader(
                        date: now, salt: try BackupCipher.makeSalt(), check: BackupCipher.check(of: rootKey),
                        seal: document)
                    let source = try BackupSource(
                        store: copy, auditDirectory: hasAudit ? "\(path)/\(BackupSource.auditName)" : nil)
                    defer { source.close() }
                    let (all, done) = (source.byteCount, Counter())
                    try source.write(to: output, header, rootKey: rootKey) { count in
                        onProgress(done.add(count), all)
                    }
                    return WrittenBackup(path: output, byteCount: all)
                }
            }
        } catch {
            unlink(output)
            throw (error as? CommandFailure) ?? CommandFailure.operation("cannot write the backup: \(error)")
        }
    }

    /// The document that yields the root key: one of the passphrase, or the directory's own, if it has one.
    private static func document(
        for rootKey: RootKey, _ passphrase: SealSecret?, _ seal: any Seal, in directory: String, besides name: String
    ) throws -> [UInt8]? {
        guard let passphrase else {
            guard seal.kind != .file else { return nil }
            return try bytes(ofDocumentAt: SealDirectory(directory).documentPath)
        }
        let path = "\(name).json"
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

    /// Takes away what a server that was killed, or somebody who went away, has left.
    private func removeLeftovers() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        where name.hasPrefix(Self.prefix) && (name.hasSuffix(".tmp") || name.hasSuffix(".sqlite")) {
            unlink("\(path)/\(name)")
        }
    }

    /// What the server does for `chatelaine backup`.
    var backupCommand: ControlCommand {
        ControlCommand(name: BackupCommand.request) { members, progress in
            let passphrase = try members.text("passphrase").flatMap { Base64.decode($0) }.map {
                try SealSecret(copying: $0)
            }
            let (updates, continuation) = AsyncStream<(Int, Int)>.makeStream(bufferingPolicy: .bufferingNewest(1))
            let work = Task {
                defer { continuation.finish() }
                return try await backUp(passphrase: passphrase, hasAudit: !members.flag("withoutAudit")) {
                    continuation.yield(($0, $1))
                }
            }
            for await (done, all) in updates {
                progress(JSONObject(["done": .number("\(done)"), "all": .number("\(all)")]))
            }
            let backup = try await work.value
            return JSONObject(["path": .string(backup.path), "bytes": .number("\(backup.byteCount)")])
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
