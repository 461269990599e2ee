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
    let place: StorePlace
    /// What a shared store says, as of when the directory was taken.
    private let settings: [String: [UInt8]]
    private var storePath: String { Self.storePath(in: path) }
    /// Where the audit log is.
    var auditDirectory: URL {
        URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent("audit", isDirectory: true)
    }
    /// The name of this node; nil when the directory has a store of its own.
    var node: String? { if case .shared(let shared) = place { shared.node } else { nil } }
    /// Which store it is, for messages.
    var storeName: String {
        switch place {
        case .own: "in \(path)"
        case .shared(let shared): "\(shared.location)"
        }
    }
    /// Whether there is a store that was made with some root key.
    var hasStore: Bool {
        get throws {
            switch place {
            case .own: try Self.hasStore(path)
            case .shared: Engine.isMarked(settings)
            }
        }
    }

    /// Takes the directory.
    ///
    /// - Parameter mayCreate: Whether it is made when it is not there; otherwise it must be there, with a store, so that nothing
    ///   but a command that is meant to make a data directory leaves a root key in one.
    /// With a shared store the directory's document of the seal becomes a copy of what the store has, so that all nodes open
    /// their root key by one; if the store has none, that of the directory is the first.
    ///
    /// - Throws: ``CommandFailure``: a directory that cannot be made or opened, or is another process's; a shared store that
    ///   cannot be read.
    init(_ path: String, _ place: StorePlace, mayCreate: Bool) async throws {
        self.path = path
        self.place = place
        files = SealDirectory(path)
        if mayCreate {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw CommandFailure.operation("cannot create \(path): \(String(cString: strerror(errno)))")
            }
        } else {
            guard try Presence.of(path) else { throw CommandFailure.operation("there is no data directory \(path)") }
            if case .own = place, try !Self.hasStore(path) {
                throw CommandFailure.operation("there is no store in \(path)")
            }
        }
        lock = try await DirectoryLock(path)
        guard case .shared(let shared) = place else {
            settings = [:]
            return
        }
        do {
            // Its audit log has another chain, and its keys would be missed.
            guard try !Self.hasStore(path) else {
                throw CommandFailure.operation(
                    "\(path) has a store of its own: `chatelaine store copy` moves it, and a node has a new directory")
            }
            settings = try await shared.settings()
            if let document = settings[SharedPlace.sealSetting] { try files.keep(document, of: shared) }
        } catch {
            lock.release()
            throw error
        }
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

    /// Opens the directory's own store of `rootKey`, which is made when there is none, and brings it to the format of this program.
    ///
    /// - Throws: ``CommandFailure``; for the store of another root key nothing was touched then, and it has the format of before.
    func openStore(of rootKey: RootKey) async throws -> SQLiteStore {
        let isIncomplete: Bool
        do throws(StoreError) {
            let found = try await SQLiteStore.find(in: path)
            isIncomplete = StoreCopy.isIncomplete(found.settings)
            if !isIncomplete, Engine.mayOpen(found.settings, with: rootKey) { return try await found.bringUpToDate() }
            try await found.close()
        } catch {
            throw CommandFailure.operation("cannot open the store \(storePath): \(error)")
        }
        guard !isIncomplete else { throw StoreCopyCommand.incomplete("in \(path)") }
        throw CommandFailure(.wrongRootKey, store: "in \(path)")
    }

    /// Opens the store of `rootKey` where it is, without taking the name of a node: for what only reads.
    ///
    /// - Throws: ``CommandFailure``.
    func openAnyStore(of rootKey: RootKey) async throws -> any Store {
        switch place {
        case .own: try await openStore(of: rootKey)
        case .shared(let shared): try await shared.open(of: rootKey)
        }
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
        if case .shared(let shared) = place, !isNew, !files.fileSeal.exists {
            throw CommandFailure.operation(
                "there is no root key at \(files.rootKeyPath), and the store \(shared.location) was made with one: "
                    + "copy the file from another node")
        }
        return try CommandFailure.explaining { () throws(SealFailure) in
            if isNew, !files.fileSeal.exists { try files.fileSeal.create() }
            return try OpenedSeal(files.fileSeal)
        }
    }
}

extension SealDirectory {
    /// Makes what a shared store says of the seal the directory's own: a document, or nothing for a root key in a file.
    fileprivate func keep(_ stored: [UInt8], of shared: SharedPlace) throws {
        try CommandFailure.explaining { () throws(SealFailure) in
            try keep(stored.isEmpty ? nil : SealDocument(stored, from: "in the store \(shared.location)"))
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
