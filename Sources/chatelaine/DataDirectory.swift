import Foundation
import Glibc
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSIdentity
import KMSModel
import KMSStore
import Logging

/// A directory that holds everything that outlives the process, and what is open of it.
struct DataDirectory {
    static let standard = "chatelaine-data"

    let path: String
    let store: any Store
    /// That this process is a node of this name; nil when the directory has a store of its own.
    let membership: NodeMembership?
    let engine: Engine
    /// Where the root key is had from.
    let seal: any Seal
    /// Whose turn it is to make a backup of it.
    let backupTurn = BackupTurn()
    private let lock: DirectoryLock
    private let logger: Logger
    /// Whether nobody has an account in it yet.
    var isNew: Bool { engine.identities.accounts.isEmpty }

    /// Opens what is in a directory whose root key is had.
    ///
    /// - Throws: ``CommandFailure``: a store or an audit log that cannot be opened, or the root key of another store. What was
    ///   opened is closed again, but the directory stays this process's.
    init(
        _ sealed: SealedDirectory, _ opened: OpenedSeal, configuration: EngineConfiguration = EngineConfiguration(),
        metrics: Metrics = Metrics(),
        logger: Logger
    ) async throws {
        self.logger = logger
        (path, lock, seal) = (sealed.path, sealed.lock, opened.seal)
        BackupName.removeLeftovers(in: path)
        var configuration = configuration
        switch sealed.place {
        case .own:
            (store, membership) = (try await sealed.openStore(of: opened.rootKey), nil)
        case .shared(let place):
            configuration.node = place.node
            (store, membership) = try await Self.join(place, opened, sealed.files, logger: logger)
        }
        do throws(Engine.StartFailure) {
            engine = try await Engine(
                store: store, rootKey: opened.rootKey, auditDirectory: sealed.auditDirectory,
                configuration: configuration, metrics: metrics, logger: logger
            )
        } catch {
            await membership?.leave()
            try? await store.close()
            throw CommandFailure(error, store: sealed.storeName)
        }
        if let membership { engine.join(membership) }
        do {
            try await checkRotation()
        } catch {
            await close()
            throw error
        }
    }

    /// Opens the data directory that the options name, which must be there with its store, for `work`.
    static func use(
        _ data: DataOptions, _ seal: SealOptions, _ work: (DataDirectory) async throws -> Void
    ) async throws {
        let settings = try Settings(config: data.config)
        let secrets = try SealSecrets(seal, settings)
        try ProcessHardening.apply()
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        let logger = Logger.chatelaine(.warning)
        let sealed = try await SealedDirectory(path, try settings.storePlace(data, path: path), mayCreate: false)
        let directory = try await DataDirectory(
            sealed, try await sealed.open(with: secrets, logger: logger), logger: logger)
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
        await membership?.leave()
        do throws(StoreError) {
            try await store.close()
        } catch {
            // Nothing that was committed depends on it.
            logger.warning("The store did not close cleanly", metadata: ["reason": "\(error)"])
        }
        lock.release()
    }
}

extension DataDirectory: CustomStringConvertible {
    /// Services are logged with all that they hold; of this the path says enough.
    var description: String { path }
}

extension CommandFailure {
    /// - Parameter store: Which store it is, as "in DIRECTORY".
    init(_ failure: Engine.StartFailure, store: String) {
        switch failure {
        case .store(let error): self = .operation("cannot read the store \(store): \(error)")
        case .wrongRootKey: self = .operation("the root key is not the one that the store \(store) was made with")
        case .unmarkedStore: self = .operation("the store \(store) does not say which root key it was made with")
        case .crypto(let error): self = .operation("cannot use the root key: \(error)")
        case .auditKey(let error): self = .operation("the key of the audit log \(store) does not open: \(error)")
        case .audit(let error): self = .operation(error.description)
        }
    }
}
