import Foundation
import Glibc
import KMSCrypto
import KMSEngine
import KMSStore
import KMSStorePostgreSQL
import KMSStoreSQLite
import Logging

/// A store that is copied, or copied to, and that nobody else has meanwhile.
struct StoreEnd {
    /// The name under which a copy keeps nodes away: it has no log of its own.
    private static let name = "store-copy"
    private static let logSettings: Set<String> = ["audit.anchor", "audit.base"]

    let location: StoreLocation
    let store: any Store
    private let directory: Directory?
    private let membership: NodeMembership?

    /// A data directory.
    fileprivate struct Directory {
        let path: String
        let lock: DirectoryLock

        var files: SealDirectory { SealDirectory(path) }
        var hasLog: Bool { FileManager.default.fileExists(atPath: "\(path)/\(BackupSource.auditName)") }
    }

    /// - Parameter source: What is copied here; nil if this is what is copied.
    /// - Throws: ``CommandFailure``: a store that cannot be opened, or is served from.
    init(_ location: StoreLocation, copying source: StoreEnd? = nil) async throws {
        self.location = location
        switch location {
        case .sqlite(let path):
            let directory = try await Self.take(path, copying: source)
            (self.directory, membership) = (directory, nil)
            do throws(StoreError) {
                store = try await SQLiteStore.open(in: path)
            } catch {
                directory.lock.release()
                throw CommandFailure.operation("cannot open the store in \(path): \(error)")
            }
        case .postgresql:
            directory = nil
            (store, membership) = try await Self.join(SharedPlace(location: location, node: Self.name))
            if source == nil { try await checkAuditLines() }
        }
    }

    private static func take(_ path: String, copying source: StoreEnd?) async throws -> Directory {
        guard let source else {
            guard try SealedDirectory.hasStore(path) else {
                throw CommandFailure.operation("there is no store in \(path)")
            }
            return Directory(path: path, lock: try await DirectoryLock(path))
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure.operation("cannot create \(path): \(String(cString: strerror(errno)))")
        }
        let directory = Directory(path: path, lock: try await DirectoryLock(path))
        do {
            // Before a store is made, which a node's directory must not have.
            if try !SealedDirectory.hasStore(path) { try await directory.checkSeal(of: source, isCopy: false) }
        } catch {
            directory.lock.release()
            throw error
        }
        return directory
    }

    /// Takes a name among the nodes, of whom none may run, or start until this is over.
    private static func join(_ place: SharedPlace) async throws -> (any SharedStore, NodeMembership) {
        guard case .postgresql(let text) = place.location else {
            throw CommandFailure.configuration("\(place.location) is not a store that nodes can share")
        }
        let store: any SharedStore
        do throws(StoreError) {
            store = try await PostgreSQLStore.open(text, node: place.node)
        } catch {
            throw place.failure("open", error)
        }
        let membership: NodeMembership
        do throws(NodeMembership.Failure) {
            membership = try await NodeMembership.join(store, as: name, logger: Logger.chatelaine(.warning))
        } catch {
            try? await store.close()
            if case .nameTaken = error { throw CommandFailure.operation("another process copies \(place.location)") }
            throw CommandFailure(error, place)
        }
        let isFree: Bool
        do throws(StoreError) {
            // First this, which those who start look for, and then the others: so one of both sees the other.
            let isClaimed = try await membership.claim(SharedPlace.rootKeyLease)
            isFree = isClaimed ? try await membership.isAlone() : false
        } catch {
            await membership.leave()
            try? await store.close()
            throw place.failure("use", error)
        }
        guard isFree else {
            await membership.leave()
            try? await store.close()
            throw CommandFailure.operation("nodes run over the store \(place.location): stop them first")
        }
        return (store, membership)
    }

    /// What is kept for the logs of nodes would be nobody's afterwards.
    private func checkAuditLines() async throws {
        guard let shared = store as? any SharedStore else { return }
        let nodes: [String]
        do throws(StoreError) {
            nodes = try await shared.nodesWithAuditLines()
        } catch {
            await close()
            throw failure("read", error)
        }
        guard !nodes.isEmpty else { return }
        await close()
        throw CommandFailure.operation(
            "the store \(location) has records that are not in the audit logs of these nodes yet: "
                + nodes.joined(separator: ", ") + "; start each once, and end it")
    }

    /// Lets go of the store.
    func close() async {
        await membership?.leave()
        try? await store.close()
        directory?.lock.release()
    }

    /// How many keys there are; 0 when that cannot be told: reading them will say why.
    func keyCount() async -> Int {
        if let shared = store as? any SharedStore {
            return ((try? await shared.keyCounts()) ?? [:]).values.reduce(0, +)
        }
        return (try? await store.keyCount()) ?? 0
    }

    /// What went wrong with the store, without what must not be seen of its location.
    func failure(_ attempt: String, _ error: StoreError) -> CommandFailure {
        .operation("cannot \(attempt) the store \(location): \(location.redacted("\(error)"))")
    }

    // MARK: What is a setting in one kind of store and a file in the other

    /// How the root key is sealed; nil for a file.
    func sealDocument() async throws -> SealDocument? {
        if let directory {
            return try CommandFailure.explaining { () throws(SealFailure) in try directory.files.document() }
        }
        let settings: [String: [UInt8]]
        do throws(StoreError) { settings = try await store.frame().settings } catch { throw failure("read", error) }
        guard let bytes = settings[SharedPlace.sealSetting], !bytes.isEmpty else { return nil }
        return try CommandFailure.explaining { () throws(SealFailure) in
            try SealDocument(bytes, from: "in the store \(location)")
        }
    }

    /// What this store has in settings of a seal like that of another.
    func settings(for document: SealDocument?) -> [String: [UInt8]] {
        guard directory == nil, let document else { return [:] }
        return [SharedPlace.sealSetting: document.bytes]
    }

    /// Makes sure that what opens a root key in this directory, if it is one, opens that of the store that is copied here.
    ///
    /// - Parameter isCopy: Whether an earlier copy has left what is there, so that its document may be another.
    func checkSeal(of source: StoreEnd, isCopy: Bool) async throws {
        try await directory?.checkSeal(of: source, isCopy: isCopy)
    }

    /// Makes sure that no node can have run over the store since it was taken.
    func checkNobodyCame() async throws {
        guard let membership else { return }
        do throws(StoreError) {
            if try await membership.holdsAllSinceTaken(), try await membership.isAlone() { return }
        } catch {
            throw failure("use", error)
        }
        throw CommandFailure.operation(
            "the copy was held up for so long that nodes may have run over the store \(location) meanwhile: "
                + "`chatelaine store copy --restart` makes it anew")
    }

    /// Makes the document of the seal this directory's, if it is one; nil is a root key in a file.
    ///
    /// For a store that is marked: what is there is an earlier copy's.
    func keep(_ document: SealDocument?) throws {
        guard let directory else { return }
        try CommandFailure.explaining { () throws(SealFailure) in try directory.files.keep(document) }
    }

    /// The settings of another store that say nothing of this one.
    ///
    /// A directory without the audit log that nodes left behind begins one: how far that was is no business of it.
    func settingsLeftOut(of source: StoreEnd) -> Set<String> {
        let isWithoutLog = directory.map { !$0.hasLog } ?? false
        let leftOut: Set = [SharedPlace.sealSetting]
        return isWithoutLog && source.directory == nil ? leftOut.union(Self.logSettings) : leftOut
    }
}

extension StoreEnd.Directory {
    /// - Throws: ``CommandFailure`` when there is a document of another seal, or another root key.
    fileprivate func checkSeal(of source: StoreEnd, isCopy: Bool) async throws {
        let document = try await source.sealDocument()
        let present = try CommandFailure.explaining { () throws(SealFailure) in try files.document() }
        guard isCopy || present == nil || present == document else {
            throw CommandFailure.operation(
                "\(files.documentPath) is not how the root key of \(source.location) is sealed: name a new directory")
        }
        guard files.fileSeal.exists else { return }
        let rootKey = try CommandFailure.explaining { () throws(SealFailure) in try files.fileSeal.open() }
        let settings: [String: [UInt8]]
        do throws(StoreError) {
            settings = try await source.store.frame().settings
        } catch {
            throw source.failure("read", error)
        }
        guard Engine.mayOpen(settings, with: rootKey) else {
            throw CommandFailure.operation(
                "\(files.rootKeyPath) is not the root key of \(source.location): name a new directory")
        }
    }
}
