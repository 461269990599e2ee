package import KMSCrypto
import KMSModel
package import KMSStore

extension Engine {
    /// The key of the audit log, and what the store knows of the log; the key is made when there is none yet.
    static func auditChain(
        _ keyring: Keyring, _ contents: StoreContents, _ store: any Store
    ) async throws(StartFailure) -> (AuditChain, KnownLog) {
        if let known = try auditChain(keyring, contents) { return known }
        let chain: AuditChain
        let wrapped: [UInt8]
        do throws(CryptoFailure) {
            wrapped = try keyring.makeAuditKey()
            chain = try keyring.openAuditKey(wrapped)
        } catch {
            throw .auditKey(error)
        }
        do throws(StoreError) {
            let note = AuditAnchor.note(.origin, with: chain)
            _ = try await store.commit(
                Change([.setSetting(AuditAnchor.keySetting, wrapped), .noteSetting(AuditAnchor.setting, note)]))
        } catch {
            throw .store(error)
        }
        return (chain, .nothing)
    }

    /// The key of the audit log, and what the store knows of the log; nil when it was never chained.
    ///
    /// - Throws: ``StartFailure/auditKey(_:)``.
    package static func auditChain(
        _ keyring: Keyring, _ contents: StoreContents
    ) throws(StartFailure) -> (AuditChain, KnownLog)? {
        guard let wrapped = contents.settings[AuditAnchor.keySetting] else { return nil }
        let chain: AuditChain
        do throws(CryptoFailure) { chain = try keyring.openAuditKey(wrapped) } catch { throw .auditKey(error) }
        let known = AuditAnchor.read(contents.settings[AuditAnchor.setting], with: chain)
        return (chain, known.map(KnownLog.record) ?? .unknownRecord)
    }
}
