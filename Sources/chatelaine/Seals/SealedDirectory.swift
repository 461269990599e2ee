import Foundation
import KMSCrypto
import KMSEngine
import KMSStore
import KMSStoreSQLite
import Logging
import NIOPosix

/// A data directory that is this process's, and whose root key is not had yet.
struct SealedDirectory {
    let path: String
    let lock: DirectoryLock
    let files: SealDirectory
    var storePath: String { Self.storePath(in: path) }
    /// Where the audit log is.
    var auditDirectory: URL {
        URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent("audit", isDirectory: true)
    }
    var hasStore: Bool { get throws { try Self.hasStore(path) } }

    /// Takes the directory.
    ///
    /// - Parameter mayCreate: Whether it is made when it is not there; otherwise it must be there, with a store, so that nothing
    ///   but a command that is meant to make a data directory leaves a root key in one.
    /// - Throws: ``CommandFailure``: a directory that cannot be made or opened, or is another process's.
    init(_ path: String, mayCreate: Bool) async throws {
        self.path = path
        files = SealDirectory(path)
        if mayCreate {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw CommandFailure.operation("cannot create \(path): \(String(cString: strerror(errno)))")
            }
        } else {
            guard try Presence.of(path) else { throw CommandFailure.operation("there is no data directory \(path)") }
            guard try Self.hasStore(path) else { throw CommandFailure.operation("there is no store in \(path)") }
        }
        lock = try await DirectoryLock(path)
    }

    /// Whether a store is in the directory at `path`.
    ///
    /// - Throws: ``CommandFailure`` when that cannot be told.
    static func hasStore(_ path: String) throws -> Bool { try Presence.of(storePath(in: path)) }

    private static func storePath(in path: String) -> String {
        URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent("chatelaine.sqlite").path
    }

    /// How the root key is sealed, by a document; nil for a file.
    func document() throws -> SealDocument? {
        try CommandFailure.explaining { () throws(SealFailure) in try files.document() }
    }

    /// Opens the store of `rootKey`, which is made when there is none, and brings it to the format of this program.
    ///
    /// - Throws: ``CommandFailure``; for the store of another root key nothing was touched then, and it has the format of before.
    func openStore(of rootKey: RootKey) async throws -> SQLiteStore {
        do throws(StoreError) {
            let found = try await SQLiteStore.find(in: path)
            if Engine.mayOpen(found.settings, with: rootKey) { return try await found.bringUpToDate() }
            try await found.close()
        } catch {
            throw CommandFailure.operation("cannot open the store \(storePath): \(error)")
        }
        throw CommandFailure(.wrongRootKey, path: path)
    }

    /// Opens the seal, whatever its kind; a directory without a store and a seal gets a new root key in a file.
    ///
    /// - Throws: ``CommandFailure``; nothing was touched then.
    func open(with secrets: SealSecrets, logger: Logger) async throws -> OpenedSeal {
        for path in files.leftovers {
            logger.warning(
                "A process that was stopped has left a file that may hold the root key; `seal migrate` takes it away",
                metadata: ["file": "\(path)"])
        }
        guard let document = try document() else {
            guard try hasStore || files.fileSeal.exists || !secrets.areGiven else {
                throw CommandFailure.configuration(
                    "\(path) has no seal yet that the passphrase, token or shares that are given could open: "
                        + "`chatelaine init --seal KIND` makes one")
            }
            return try await openFile()
        }
        return try await NIOThreadPool.singleton.runIfActive { [files] in
            let credential = try secrets.credential(for: document)
            return try CommandFailure.explaining { () throws(SealFailure) in
                try OpenedSeal(DocumentSeal(at: files.documentPath, with: credential))
            }
        }
    }

    /// Makes the seal of a new directory, with a new root key; one that is there already, and of that kind, is opened.
    ///
    /// - Parameter isChosen: Whether somebody named the kind: otherwise no file is made when what opens another seal is given.
    /// - Throws: ``CommandFailure``; for a directory with another seal, and for one with a store and none, nothing is touched.
    func open(
        sealingAnew new: NewSeal, isChosen: Bool, with secrets: SealSecrets, logger: Logger
    ) async throws -> OpenedSeal {
        guard !files.isSealed, try !hasStore, new.kind != .file || isChosen else {
            let kind = try document()?.parameters.kind ?? .file
            guard kind == new.kind else {
                throw CommandFailure.operation(
                    "\(path) is a data directory already, and its root key is sealed by \(kind.description)")
            }
            return try await open(with: secrets, logger: logger)
        }
        guard let seal = try await new.prepare(at: files.documentPath, with: secrets) else {
            return try await openFile()
        }
        return try new.putting(seal, into: files) { () throws(SealFailure) in
            try seal.create(holding: RootKey.random())
            return try OpenedSeal(seal)
        }
    }

    /// Opens the root key's file, which is made in a directory without a store.
    func openFile() async throws -> OpenedSeal {
        guard try document() == nil else {
            throw CommandFailure.operation("\(path) keeps its root key in \(files.documentPath), and not in a file")
        }
        let isNew = try !hasStore
        return try CommandFailure.explaining { () throws(SealFailure) in
            if isNew, !files.fileSeal.exists { try files.fileSeal.create() }
            return try OpenedSeal(files.fileSeal)
        }
    }
}

/// A seal, and the root key that it gave.
struct OpenedSeal {
    let seal: any Seal
    let rootKey: RootKey

    init(_ seal: any Seal) throws(SealFailure) {
        self.seal = seal
        rootKey = try seal.open()
    }
}

extension CommandFailure {
    /// Says what is wrong with a seal; what was given on the command line, or typed, ends the program as such.
    static func explaining<Value>(_ body: () throws(SealFailure) -> Value) throws -> Value {
        do throws(SealFailure) {
            return try body()
        } catch {
            switch error {
            case .wrongPassphrase, .wrongPIN, .wrongShares, .passphraseTooShort:
                throw CommandFailure.configuration(error.description)
            default: throw CommandFailure.operation(error.description)
            }
        }
    }
}
