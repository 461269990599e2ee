import KMSCrypto
import KMSModel
import KMSStore
import Synchronization

/// What the store has of the audit log: the key of its chain, how far it went, and where it begins.
struct StoredAuditChain {
    let chain: AuditChain
    let known: KnownLog
    /// The last record that was removed because it was old enough; nil when none is known.
    let base: ChainLink?
    /// The key as it is stored.
    let key: StoredAuditKey

    /// What is in the store; the key is made when there is none yet.
    ///
    /// - Throws: ``Engine/StartFailure/auditKey(_:)``, ``Engine/StartFailure/store(_:)``.
    static func admit(
        _ keyring: Keyring, _ contents: StoreContents, _ store: any Store
    ) async throws(Engine.StartFailure) -> StoredAuditChain {
        if let stored = try StoredAuditChain(keyring, contents) { return stored }
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
            try await store.commit(
                Change([.setSetting(AuditAnchor.keySetting, wrapped), .noteSetting(AuditAnchor.setting, note)]))
        } catch {
            throw .store(error)
        }
        return StoredAuditChain(chain: chain, known: .nothing, base: nil, key: StoredAuditKey(wrapped))
    }

    private init(chain: AuditChain, known: KnownLog, base: ChainLink?, key: StoredAuditKey) {
        self.chain = chain
        self.known = known
        self.base = base
        self.key = key
    }

    /// What is in the store; nil when the log was never chained.
    ///
    /// - Throws: ``Engine/StartFailure/auditKey(_:)``.
    init?(_ keyring: Keyring, _ contents: StoreContents) throws(Engine.StartFailure) {
        guard let wrapped = contents.settings[AuditAnchor.keySetting] else { return nil }
        do throws(CryptoFailure) { chain = try keyring.openAuditKey(wrapped) } catch { throw .auditKey(error) }
        known =
            AuditAnchor.read(contents.settings[AuditAnchor.setting], with: chain).map(KnownLog.record)
            ?? .unknownRecord
        base = AuditAnchor.readBase(contents.settings[AuditAnchor.baseSetting], with: chain)
        key = StoredAuditKey(wrapped)
    }
}

/// The key of the audit log as it is stored.
final class StoredAuditKey: Sendable {
    private let wrapped: Mutex<[UInt8]>

    init(_ wrapped: [UInt8]) { self.wrapped = Mutex(wrapped) }

    /// Wraps it anew if it is not under the current root key.
    ///
    /// Nobody but a rotation of the root key changes it, and there is one at a time.
    ///
    /// - Returns: How many secrets were wrapped anew: one, or none.
    /// - Throws: ``CryptoFailure``, ``StoreError``.
    func renew(with keyring: Keyring, in ledger: Ledger) async throws -> Int {
        guard let renewed = try keyring.renewed(auditKey: wrapped.withLock { $0 }) else { return 0 }
        try await ledger.commit(Change([.setSetting(AuditAnchor.keySetting, renewed)]))
        wrapped.withLock { $0 = renewed }
        return 1
    }
}
