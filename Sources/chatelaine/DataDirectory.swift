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

    let store: SQLiteStore
    let audit: AuditLog
    let engine: Engine
    private let logger: Logger
    /// Whether nobody has an account in it yet.
    var isNew: Bool { engine.identities.accounts.isEmpty }

    /// Opens the directory, which is created with a new root key when it does not exist.
    ///
    /// - Throws: ``CommandFailure``: a directory, a root key, a store or an audit log that cannot be opened. Nothing is
    ///   created in a directory that holds a store without its root key.
    init(
        path: String, configuration: EngineConfiguration = EngineConfiguration(), logger: Logger
    ) async throws {
        self.logger = logger
        let directory = URL(fileURLWithPath: path, isDirectory: true)
        let storePath = Self.storePath(in: directory)
        guard mkdir(directory.path, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure.operation("cannot create \(path): \(String(cString: strerror(errno)))")
        }
        let rootKey = try Self.openRootKey(
            FileSeal(path: directory.appendingPathComponent("root.key").path),
            mayCreate: !FileManager.default.fileExists(atPath: storePath)
        )
        do throws(StoreError) {
            store = try await SQLiteStore.open(in: directory.path)
        } catch {
            throw CommandFailure.operation("cannot open the store \(storePath): \(error)")
        }
        do throws(AuditFailure) {
            audit = try AuditLog(directory: directory.appendingPathComponent("audit", isDirectory: true))
        } catch {
            throw CommandFailure.operation(error.description)
        }
        do throws(Engine.StartFailure) {
            engine = try await Engine(
                store: store, rootKey: rootKey, audit: audit, configuration: configuration, logger: logger
            )
        } catch {
            throw CommandFailure(error, path: path)
        }
    }

    /// Whether there is one at `path`, with a store in it.
    static func exists(at path: String) -> Bool {
        FileManager.default.fileExists(atPath: storePath(in: URL(fileURLWithPath: path, isDirectory: true)))
    }

    private static func storePath(in directory: URL) -> String {
        directory.appendingPathComponent("chatelaine.sqlite").path
    }

    /// Makes everything durable that is not yet, and lets go of the directory.
    func close() async {
        // Only now nothing is answered or done any more: what the log has, the next start need not write again.
        await engine.housekeeping.flush()
        audit.close()
        do throws(StoreError) {
            try await store.close()
        } catch {
            // Nothing that was committed depends on it.
            logger.warning("The store did not close cleanly", metadata: ["reason": "\(error)"])
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
    fileprivate init(_ failure: Engine.StartFailure, path: String) {
        switch failure {
        case .store(let error): self = .operation("cannot read the store in \(path): \(error)")
        case .wrongRootKey: self = .operation("the root key is not the one that the store in \(path) was made with")
        case .unmarkedStore: self = .operation("the store in \(path) does not say which root key it was made with")
        case .crypto(let error): self = .operation("cannot use the root key: \(error)")
        case .audit(let error): self = .operation(error.description)
        }
    }
}
