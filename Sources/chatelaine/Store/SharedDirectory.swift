import KMSCrypto
import KMSEngine
import KMSStore
import Logging
import NIOPosix

// What a data directory whose store is shared has to agree on with the other nodes.
extension DataDirectory {
    /// Opens the store of a node and takes the node's name.
    ///
    /// - Throws: ``CommandFailure``; nothing is held then.
    static func join(
        _ place: SharedPlace, _ opened: OpenedSeal, _ files: SealDirectory, logger: Logger
    ) async throws -> (store: any SharedStore, membership: NodeMembership) {
        let store = try await place.open(of: opened.rootKey)
        let membership: NodeMembership
        do throws(NodeMembership.Failure) {
            membership = try await NodeMembership.join(store, as: place.node, logger: logger)
        } catch {
            try? await store.close()
            throw CommandFailure(error, place)
        }
        do {
            // After the name is taken: who changes the root key looks for names once it has this lease.
            guard try await !membership.isHeld(SharedPlace.rootKeyLease) else {
                throw CommandFailure.operation(
                    "another process changes the root key, or copies the store: start this one when that is done")
            }
            if opened.seal.kind != .file { try await publish(firstSealIn: files, store) }
            return (store, membership)
        } catch {
            await membership.leave()
            try? await store.close()
            throw (error as? StoreError).map { place.failure("use", $0) } ?? error
        }
    }

    /// Puts the document of the seal into a store that has none.
    private static func publish(firstSealIn files: SealDirectory, _ store: any SharedStore) async throws {
        let document = try CommandFailure.explaining { () throws(SealFailure) in try files.document() }
        guard let document else { return }
        do throws(StoreError) {
            try await store.commit(Change([.insertSetting(SharedPlace.sealSetting, document.bytes)]))
        } catch {
            guard error.isConflict else { throw error }
            guard try await store.settings()[SharedPlace.sealSetting] == document.bytes else {
                throw CommandFailure.operation(
                    "another node has sealed the root key of this store in the meantime: start this one again, with what opens that seal"
                )
            }
        }
    }

    /// Lets the other nodes share with this one what accounts may ask.
    ///
    /// - Throws: ``CommandFailure``.
    func beginServing() async throws {
        guard let membership else { return }
        do throws(NodeMembership.Failure) {
            try await membership.beginServing()
        } catch {
            switch error {
            case .nameTaken: throw error
            case .store(let error):
                throw CommandFailure.operation("cannot tell the store that this node serves: \(error)")
            }
        }
    }

    /// Puts the present document of the seal into the store, in the place of the one of before.
    func publishSeal() async throws {
        guard membership != nil else { return }
        let files = SealDirectory(path)
        let document = try CommandFailure.explaining { () throws(SealFailure) in try files.document() }
        try await store.commit(Change([.setSetting(SharedPlace.sealSetting, document?.bytes ?? [])]))
    }

    /// Does what concerns the root key, or how it is kept, while no other node runs or starts.
    ///
    /// A rotation that did not come to its end keeps others out until this process ends.
    ///
    /// - Throws: ``CommandFailure`` when there are others, and whatever `work` throws.
    func whileAlone<Value>(_ work: () async throws -> Value) async throws -> Value {
        guard let membership else { return try await work() }
        try await claimRootKey(membership)
        let result: Result<Value, any Error>
        do { result = .success(try await work()) } catch { result = .failure(error) }
        if await !engine.rootRotation.isUnderWay { await membership.giveUp(SharedPlace.rootKeyLease) }
        return try result.get()
    }

    /// Keeps other nodes from starting, if none runs.
    private func claimRootKey(_ membership: NodeMembership) async throws {
        do throws(StoreError) {
            guard try await membership.claim(SharedPlace.rootKeyLease) else {
                throw StoreError.conflict
            }
            if try await membership.isAlone() { return }
        } catch {
            guard error.isConflict else {
                throw CommandFailure.operation("cannot ask the store for other nodes: \(error)")
            }
            throw CommandFailure.operation("another node changes the root key")
        }
        await membership.giveUp(SharedPlace.rootKeyLease)
        throw CommandFailure.operation(
            "other nodes run over this store: stop them first, and start them again when this is done")
    }

    /// Makes sure that a rotation that was interrupted goes on in this node alone.
    ///
    /// - Throws: ``CommandFailure`` when there is one, and other nodes run.
    func checkRotation() async throws {
        guard let membership, await engine.rootRotation.isUnderWay else { return }
        try await claimRootKey(membership)
    }

    /// Whether this node is the one that makes the first account of a store that has none.
    ///
    /// Of nodes that start at once on a new store one does; the others learn of the account as of every change.
    func mayMakeFirstAccount() async throws -> Bool {
        guard let membership else { return isNew }
        guard isNew else { return false }
        do throws(StoreError) {
            guard try await membership.claim(Self.firstAccountLease) else { return false }
            if try await store.frame().accounts.isEmpty { return true }
            await membership.giveUp(Self.firstAccountLease)
            return false
        } catch {
            throw CommandFailure.operation("cannot ask the store for accounts: \(error)")
        }
    }

    /// Lets others see that the first account is made.
    func didMakeFirstAccount() async { await membership?.giveUp(Self.firstAccountLease) }

    private static let firstAccountLease = "first-account"
}
