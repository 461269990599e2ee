package import Foundation
package import KMSCrypto
package import KMSStore

extension Engine {
    /// Where the audit log is that is being written.
    package var auditDirectory: URL { audit.files.directory }

    /// A verification of the audit log that is being written: what was on the disk when this is called must be there.
    package func auditVerification(of extent: AuditVerification.Extent) -> AuditVerification {
        AuditVerification(
            directory: audit.files.directory, chain: audit.chain, known: audit.durableHead, base: audit.base,
            extent: extent)
    }

    /// A verification of the log of any node that shares the store, by what is there.
    ///
    /// - Parameter node: The node that wrote it; nil for the log of a process that had the store for itself.
    /// - Returns: Nil when the store knows of no such log.
    /// - Throws: ``Engine/StartFailure``: a store that cannot be read.
    package func auditVerification(
        ofNode node: String?, in directory: URL, _ extent: AuditVerification.Extent
    ) async throws(StartFailure) -> AuditVerification? {
        let settings = try await verification.store.currentSettings()
        return try AuditVerification(verification.keyring, settings, node, directory, extent)
    }
}

extension AuditVerification {
    /// A verification of an audit log in `directory`, by what is in the store.
    ///
    /// - Parameter node: The node that wrote it; nil for the log of a process that had the store for itself, of which no
    ///   server is writing.
    /// - Returns: Nil when the store knows of no such log: nothing was ever chained.
    /// - Throws: ``Engine/StartFailure``: a store that cannot be read, another root key. The store is only read.
    package static func byStore(
        _ store: any Store, rootKey: RootKey, node: String? = nil, directory: URL, extent: Extent = Extent()
    ) async throws(Engine.StartFailure) -> AuditVerification? {
        let keyring: Keyring
        do throws(CryptoFailure) { keyring = try Keyring(rootKey: rootKey, capacity: 1) } catch { throw .crypto(error) }
        let frame: StoreContents
        do throws(StoreError) { frame = try await store.frame() } catch { throw .store(error) }
        guard frame.settings[AuditAnchor.keySetting] != nil else { return nil }
        // What is not marked would be marked by that.
        guard RootKeyMarks.isMarked(frame.settings) else { throw .unmarkedStore }
        _ = try await RootKeyMarks.admit(keyring, frame, store)
        return try AuditVerification(keyring, frame.settings, node, directory, extent)
    }

    /// Nil when there is no such log.
    fileprivate init?(
        _ keyring: Keyring, _ settings: [String: [UInt8]], _ node: String?, _ directory: URL, _ extent: Extent
    ) throws(Engine.StartFailure) {
        guard node == nil || AuditAnchor.nodes(in: settings).contains(node),
            let stored = try StoredAuditChain(keyring, settings, node: node), node != nil || stored.known != .nothing
        else { return nil }
        let known: ChainLink? = if case .record(let link) = stored.known { link } else { nil }
        self.init(directory: directory, chain: stored.chain, known: known, base: stored.base, extent: extent)
    }

    /// The nodes of whose logs the store knows, in order; nil stands for that of a process that had the store for itself.
    ///
    /// - Throws: ``Engine/StartFailure/store(_:)``.
    package static func nodes(in store: any Store) async throws(Engine.StartFailure) -> [String?] {
        AuditAnchor.nodes(in: try await store.currentSettings())
    }
}
