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
    /// Where the notes are.
    let names: AuditAnchor.Names

    /// What is in the store; the key is made when there is none yet.
    ///
    /// - Parameter node: Whose log it is; nil where one process has the store for itself.
    /// - Throws: ``Engine/StartFailure/auditKey(_:)``, ``Engine/StartFailure/store(_:)``.
    static func admit(
        _ keyring: Keyring, _ settings: [String: [UInt8]], _ store: any Store, node: String?
    ) async throws(Engine.StartFailure) -> StoredAuditChain {
        let names = AuditAnchor.Names(ofNode: node)
        if let stored = try StoredAuditChain(keyring, settings, node: node) {
            guard stored.known == .nothing else { return stored }
            // A node that has not been here before.
            let note = Mutation.noteSetting(names.end, AuditAnchor.note(.origin, with: stored.chain))
            do throws(StoreError) { try await store.commit(Change([note])) } catch { throw .store(error) }
            return stored
        }
        let chain: AuditChain
        let wrapped: [UInt8]
        do throws(CryptoFailure) {
            wrapped = try keyring.makeAuditKey()
            chain = try keyring.openAuditKey(wrapped).chain(of: node)
        } catch {
            throw .auditKey(error)
        }
        do throws(StoreError) {
            let note = AuditAnchor.note(.origin, with: chain)
            try await store.commit(
                Change([.insertSetting(AuditAnchor.keySetting, wrapped), .noteSetting(names.end, note)]))
        } catch {
            guard error.isConflict else { throw .store(error) }
            // Another node that starts at the same time was first: there is one key for all.
            return try await admit(keyring, try await store.currentSettings(), store, node: node)
        }
        return StoredAuditChain(chain, known: .nothing, base: nil, key: StoredAuditKey(wrapped), names)
    }

    private init(
        _ chain: AuditChain, known: KnownLog, base: ChainLink?, key: StoredAuditKey, _ names: AuditAnchor.Names
    ) {
        self.chain = chain
        self.known = known
        self.base = base
        self.key = key
        self.names = names
    }

    /// What is in the store; nil when the log was never chained.
    ///
    /// - Parameter node: Whose log it is; nil where one process has the store for itself.
    /// - Throws: ``Engine/StartFailure/auditKey(_:)``.
    init?(_ keyring: Keyring, _ settings: [String: [UInt8]], node: String?) throws(Engine.StartFailure) {
        guard let wrapped = settings[AuditAnchor.keySetting] else { return nil }
        do throws(CryptoFailure) {
            chain = try keyring.openAuditKey(wrapped).chain(of: node)
        } catch {
            throw .auditKey(error)
        }
        names = AuditAnchor.Names(ofNode: node)
        base = AuditAnchor.readBase(settings[names.base], with: chain)
        key = StoredAuditKey(wrapped)
        if let link = AuditAnchor.read(settings[names.end], with: chain) {
            known = .record(link)
        } else {
            // One key serves many nodes, so that there is one does not say that this log was begun.
            let isShared = node != nil || AuditAnchor.nodes(in: settings).contains { $0 != nil }
            known = isShared && settings[names.end] == nil ? .nothing : .unknownRecord
        }
    }
}

extension AuditChain {
    /// The chain of a node, or this one where one process has the store for itself.
    fileprivate func chain(of node: String?) throws(CryptoFailure) -> AuditChain {
        guard let node else { return self }
        return try chain(ofNode: node)
    }
}

extension Store {
    /// The settings as they are now.
    ///
    /// - Throws: ``Engine/StartFailure/store(_:)``.
    func currentSettings() async throws(Engine.StartFailure) -> [String: [UInt8]] {
        do throws(StoreError) { return try await frame().settings } catch { throw .store(error) }
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
