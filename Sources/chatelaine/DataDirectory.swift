import Foundation
import Glibc
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSIdentity
import KMSModel
import KMSStore
import KMSStoreSQLite
import Logging

/// A directory that holds everything that outlives the process, and what is open of it.
struct DataDirectory {
    static let standard = "chatelaine-data"

    let path: String
    let store: SQLiteStore
    let engine: Engine
    /// Where the root key is had from.
    let seal: any Seal
    private let lock: DirectoryLock
    private let logger: Logger
    /// Whether nobody has an account in it yet.
    var isNew: Bool { engine.identities.accounts.isEmpty }

    /// Opens the directory, which is created with a new root key when it does not exist.
    ///
    /// - Throws: ``CommandFailure``: a directory, a root key, a store or an audit log that cannot be opened. Nothing is
    ///   created in a directory that holds a store without its root key.
    init(
        path: String, configuration: EngineConfiguration = EngineConfiguration(), metrics: Metrics = Metrics(),
        logger: Logger
    ) async throws {
        self.logger = logger
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure.operation("cannot create \(path): \(String(cString: strerror(errno)))")
        }
        self.path = path
        lock = try await DirectoryLock(path)
        let seal = Self.seal(of: path)
        self.seal = seal
        let (store, rootKey) = try await Self.openStore(at: path, sealedBy: seal, mayCreate: true)
        self.store = store
        do throws(Engine.StartFailure) {
            engine = try await Engine(
                store: store, rootKey: rootKey, auditDirectory: Self.auditDirectory(in: path),
                configuration: configuration, metrics: metrics, logger: logger
            )
        } catch {
            throw CommandFailure(error, path: path)
        }
    }

    /// Opens the data directory that the options name, which must be there, for `work`.
    static func use(_ data: DataOptions, _ work: (DataDirectory) async throws -> Void) async throws {
        let settings = try Settings(config: data.config)
        try ProcessHardening.apply()
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure.operation("there is no data directory \(path)")
        }
        let directory = try await DataDirectory(path: path, logger: Logger.chatelaine(.warning))
        do {
            try await work(directory)
        } catch {
            await directory.close()
            throw error
        }
        await directory.close()
    }

    /// Makes everything durable that is not yet, and lets go of the directory.
    func close() async {
        // Only now nothing is answered or done any more: what the log has, the next start need not write again.
        await engine.finish()
        do throws(StoreError) {
            try await store.close()
        } catch {
            // Nothing that was committed depends on it.
            logger.warning("The store did not close cleanly", metadata: ["reason": "\(error)"])
        }
        lock.release()
    }

    /// Where the audit log of the data directory at `path` is.
    static func auditDirectory(in path: String) -> URL {
        URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent("audit", isDirectory: true)
    }

    /// Where the root key of the data directory at `path` is had from.
    static func seal(of path: String) -> FileSeal {
        FileSeal(path: URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent("root.key").path)
    }

    /// Opens the store of the data directory at `path`, and the root key.
    ///
    /// - Parameter mayCreate: Whether both are made when there is no store.
    /// - Throws: ``CommandFailure``.
    static func openStore(
        at path: String, sealedBy seal: FileSeal, mayCreate: Bool = false
    ) async throws -> (store: SQLiteStore, rootKey: RootKey) {
        let storePath = URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent("chatelaine.sqlite").path
        let isThere = FileManager.default.fileExists(atPath: storePath)
        guard isThere || mayCreate else { throw CommandFailure.operation("there is no store in \(path)") }
        let rootKey = try openRootKey(seal, mayCreate: !isThere)
        do throws(StoreError) {
            return (try await SQLiteStore.open(in: path), rootKey)
        } catch {
            throw CommandFailure.operation("cannot open the store \(storePath): \(error)")
        }
    }

    private static func openRootKey(_ seal: FileSeal, mayCreate: Bool) throws -> RootKey {
        do throws(SealFailure) {
            if mayCreate, !seal.exists { try seal.create() }
            return try seal.open()
        } catch {
            throw CommandFailure.operation(error.description)
        }
    }
}

extension CommandFailure {
    init(_ failure: Engine.StartFailure, path: String) {
        switch failure {
        case .store(let error): self = .operation("cannot read the store in \(path): \(error)")
        case .wrongRootKey: self = .operation("the root key is not the one that the store in \(path) was made with")
        case .unmarkedStore: self = .operation("the store in \(path) does not say which root key it was made with")
        case .crypto(let error): self = .operation("cannot use the root key: \(error)")
        case .auditKey(let error): self = .operation("the key of the audit log in \(path) does not open: \(error)")
        case .audit(let error): self = .operation(error.description)
        }
    }
}
