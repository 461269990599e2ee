import KMSCrypto
import KMSEngine
import KMSStore
import KMSStorePostgreSQL
import Logging

/// A store that many nodes share, and the name of this one.
struct SharedPlace: Sendable {
    /// The setting with the document of the seal, which is the same for every node; empty once the root key is in files.
    static let sealSetting = "seal"
    /// The lease of who changes the root key, or how it is kept.
    static let rootKeyLease = "root-key"

    let location: StoreLocation
    let node: String

    /// What is in the store before anything is changed; nothing as long as there is no store.
    ///
    /// - Throws: ``CommandFailure``.
    func settings() async throws -> [String: [UInt8]] {
        let found = try await find()
        let settings = found.settings
        await found.close()
        return settings
    }

    /// Opens the store of `rootKey`, which is made when there is none, and brings it to the format of this program.
    ///
    /// - Throws: ``CommandFailure``; nothing was touched of the store of another root key, or of one that is half copied.
    func open(of rootKey: RootKey) async throws -> any SharedStore {
        let found = try await find()
        guard !StoreCopy.isIncomplete(found.settings) else {
            await found.close()
            throw StoreCopyCommand.incomplete("\(location)")
        }
        guard Engine.mayOpen(found.settings, with: rootKey) else {
            await found.close()
            throw CommandFailure(.wrongRootKey, store: "\(location)")
        }
        do throws(StoreError) { return try await found.bringUpToDate() } catch { throw failure("open", error) }
    }

    private func find() async throws -> FoundSharedStore {
        guard case .postgresql(let text) = location else {
            throw CommandFailure.configuration("\(location) is not a store that nodes can share")
        }
        do throws(StoreError) {
            return try await PostgreSQLStore.find(text, node: node)
        } catch {
            throw failure("open", error)
        }
    }

    /// What went wrong with the store, without what must not be seen of its location.
    func failure(_ attempt: String, _ error: StoreError) -> CommandFailure {
        .operation("cannot \(attempt) the store \(location): \(location.redacted("\(error)"))")
    }
}

extension CommandFailure {
    init(_ failure: NodeMembership.Failure, _ place: SharedPlace) {
        switch failure {
        case .nameTaken(let node): self = .operation("another process runs as node \(node)")
        case .store(let error): self = place.failure("use", error)
        }
    }
}
