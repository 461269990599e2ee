package import Foundation
package import KMSCrypto
package import KMSStore

extension Engine {
    /// A verification of the audit log that is being written: what was on the disk when this is called must be there.
    package func auditVerification(of extent: AuditVerification.Extent) -> AuditVerification {
        AuditVerification(
            directory: audit.files.directory, chain: audit.chain, known: audit.durableHead, base: audit.base,
            extent: extent)
    }
}

extension AuditVerification {
    /// A verification of the audit log in `directory`, of which no server is writing.
    ///
    /// - Returns: Nil when nothing was ever chained: the server was not started since it does that.
    /// - Throws: ``Engine/StartFailure``: a store that cannot be read, another root key.
    package static func ofStoppedServer(
        _ store: any Store, rootKey: RootKey, directory: URL, extent: Extent = Extent()
    ) async throws(Engine.StartFailure) -> AuditVerification? {
        let keyring: Keyring
        do throws(CryptoFailure) { keyring = try Keyring(rootKey: rootKey, capacity: 1) } catch { throw .crypto(error) }
        let contents: StoreContents
        do throws(StoreError) { contents = try await store.contents() } catch { throw .store(error) }
        guard contents.settings[AuditAnchor.keySetting] != nil else { return nil }
        _ = try await RootKeyMarks.admit(keyring, contents, store)
        guard let stored = try StoredAuditChain(keyring, contents) else { return nil }
        let known: ChainLink? = if case .record(let link) = stored.known { link } else { nil }
        return AuditVerification(
            directory: directory, chain: stored.chain, known: known, base: stored.base, extent: extent)
    }
}
