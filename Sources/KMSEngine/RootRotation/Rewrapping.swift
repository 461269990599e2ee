import KMSCrypto
import KMSIdentity
import KMSModel
import KMSStore
import Logging
import ServiceLifecycle

/// Wraps everything in the store that is under an earlier root key anew, while requests are answered.
///
/// A record that opens under neither root key stays as it is: it was of no use before, and must not keep the others under the
/// old root key.
struct Rewrapping: Sendable {
    /// How many keys are in turn at a time: few enough that nobody waits long for one of them.
    private static let batch = 32
    private static let mostAttempts = 16

    let directory: KeyDirectory
    let catalog: any KeyCatalog
    /// Brings keys into memory; nil where all are.
    let residency: Residency?
    let identities: IdentityDirectory
    let keyStores: KeyStoreDirectory
    let ledger: Ledger
    let turns: ChangeTurns
    let keyring: Keyring
    /// The stored key of the audit log.
    let auditKey: StoredAuditKey
    let logger: Logger

    /// How many keys and accounts there are to look at; the key of the audit log beside them takes no time.
    ///
    /// - Throws: ``StoreError``.
    var extent: Int {
        get async throws { try await catalog.keyCounts().values.reduce(0, +) + identities.accounts.count }
    }

    /// Looks at everything once, and wraps what is not under the current root key.
    ///
    /// - Parameter onProgress: Called with how many keys and accounts were looked at.
    /// - Throws: ``StoreError``, ``CryptoFailure``; what was wrapped by then stays so. `CancellationError` when the server
    ///   shuts down.
    func run(_ onProgress: (Int) async -> Void) async throws -> RewrappingReport {
        var (seen, report) = (0, RewrappingReport())
        for realm in try await catalog.realms(of: nil) {
            var last: KeyID?
            while true {
                try checkForEnd()
                let ids = try await catalog.keyIDs(in: realm, after: last, limit: Self.batch)
                guard let end = ids.last else { break }
                report += try await renewMaterials(
                    of: ids.map { KeyARN(region: realm.region, account: realm.account, keyID: $0) })
                last = end
                seen += ids.count
                await onProgress(seen)
            }
        }
        for account in identities.accounts {
            try checkForEnd()
            report += try await renewSecrets(of: account)
            for store in keyStores.all where store.record.realm.account == account {
                report += try await renewSecret(of: store)
            }
            seen += 1
            await onProgress(seen)
        }
        report.renewed += try await auditKey.renew(with: keyring, in: ledger)
        for record in report.damaged {
            logger.error(
                "A record opens under neither root key and is left as it is", metadata: ["record": "\(record)"])
        }
        return report
    }

    private func checkForEnd() throws {
        if Task.isShuttingDownGracefully { throw CancellationError() }
        try Task.checkCancellation()
    }

    private func renewMaterials(of keys: [KeyARN]) async throws -> RewrappingReport {
        try await turns.inTurn(at: Set(keys.map(\.turn))) {
            try await residency?.load(Set(keys.map(\.keyID)))
            var mutations: [Mutation] = []
            var report = RewrappingReport()
            for arn in keys {
                guard let key = try await key(arn) else { continue }
                let renewed = try key.materials.compactMap { material throws(CryptoFailure) -> Mutation? in
                    let wrapped = try report.renewing(material.recordName) { () throws(CryptoFailure) in
                        try keyring.renewed(material)
                    }
                    guard let wrapped else { return nil }
                    var material = material
                    material.wrapped = wrapped
                    return .updateMaterial(material)
                }
                if !renewed.isEmpty { mutations += renewed + [key.unchanged] }
            }
            if !mutations.isEmpty { try await ledger.commit(Change(mutations)) }
            return report
        }
    }

    /// The key, in memory; nil when there is none any more.
    private func key(_ arn: KeyARN) async throws(StoreError) -> KeySnapshot? {
        for _ in 0..<Self.mostAttempts {
            if let key = directory.key(arn) { return key }
            // Where there is little room, others of the batch have taken its place.
            guard let residency, try await residency.isStored(arn) else { return nil }
            try await residency.load([arn.keyID])
        }
        throw .unavailable("keys leave memory faster than they are read")
    }

    private func renewSecrets(of account: AccountID) async throws -> RewrappingReport {
        try await turns.inTurn(at: ["account \(account)"]) {
            for _ in 0..<Self.mostAttempts {
                if let report = try await attemptSecrets(of: account) { return report }
            }
            throw StoreError.conflict
        }
    }

    /// - Returns: Nil when the account was changed meanwhile.
    private func attemptSecrets(of account: AccountID) async throws -> RewrappingReport? {
        var report = RewrappingReport()
        guard let present = identities.identities(of: account) else { return report }
        var edit = IdentityEdit(present)
        for var accessKey in present.accessKeyIDs.sorted().compactMap(present.accessKey) {
            let wrapped = try report.renewing(accessKey.recordName) { () throws(CryptoFailure) in
                try keyring.renewed(accessKey.wrappedSecret, accessKeyID: accessKey.id, account: account)
            }
            guard let wrapped else { continue }
            accessKey.wrappedSecret = wrapped
            edit.put(accessKey, replacing: true)
        }
        guard let change = edit.change else { return report }
        do throws(StoreError) {
            try await ledger.commit(change)
        } catch {
            if error.isConflict { return nil }
            throw error
        }
        identities.publish(edit.identities)
        return report
    }

    private func renewSecret(of store: KeyStore) async throws -> RewrappingReport {
        try await turns.inTurn(at: [store.record.id.turn]) {
            for _ in 0..<Self.mostAttempts {
                let record = store.record
                var report = RewrappingReport()
                let wrapped = try report.renewing("the custom key store \(record.id)") { () throws(CryptoFailure) in
                    try keyring.renewed(record.wrappedSecret, of: record.id, in: record.realm)
                }
                // One that was deleted meanwhile has no secret any more.
                guard let wrapped, keyStores.store(record.id, in: record.realm) != nil else { return report }
                do throws(StoreError) {
                    try await ledger.commit(record.change { $0.wrappedSecret = wrapped })
                    return report
                } catch {
                    guard error.isConflict else { throw error }
                }
            }
            throw StoreError.conflict
        }
    }
}
