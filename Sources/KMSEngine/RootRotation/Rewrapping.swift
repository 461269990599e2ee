import KMSCrypto
import KMSIdentity
import KMSModel
import KMSStore
import ServiceLifecycle

/// Wraps everything in the store that is under an earlier root key anew, while requests are answered.
struct Rewrapping: Sendable {
    /// How many keys are in turn at a time: few enough that nobody waits long for one of them.
    private static let batch = 32
    private static let mostAttempts = 16

    let directory: KeyDirectory
    let identities: IdentityDirectory
    let ledger: Ledger
    let turns: ChangeTurns
    let keyring: Keyring
    /// The stored key of the audit log.
    let auditKey: StoredAuditKey

    /// How many keys and accounts there are to look at; the key of the audit log beside them takes no time.
    var extent: Int { directory.keyCount + identities.accounts.count }

    /// Looks at everything once, and wraps what is not under the current root key.
    ///
    /// - Parameter onProgress: Called with how many keys and accounts were looked at.
    /// - Returns: How many secrets were wrapped anew.
    /// - Throws: ``StoreError``, ``CryptoFailure``; what was wrapped by then stays so. `CancellationError` when the server
    ///   shuts down.
    func run(_ onProgress: (Int) async -> Void) async throws -> Int {
        var (seen, renewed) = (0, 0)
        for realm in directory.realms {
            var last: KeyID?
            while true {
                try checkForEnd()
                let ids = directory.keyIDs(in: realm, after: last, limit: Self.batch)
                guard let end = ids.last else { break }
                renewed += try await renewMaterials(
                    of: ids.map { KeyARN(region: realm.region, account: realm.account, keyID: $0) })
                last = end
                seen += ids.count
                await onProgress(seen)
            }
        }
        for account in identities.accounts {
            try checkForEnd()
            renewed += try await renewSecrets(of: account)
            seen += 1
            await onProgress(seen)
        }
        return try await renewed + auditKey.renew(with: keyring, in: ledger)
    }

    private func checkForEnd() throws {
        if Task.isShuttingDownGracefully { throw CancellationError() }
        try Task.checkCancellation()
    }

    private func renewMaterials(of keys: [KeyARN]) async throws -> Int {
        try await turns.inTurn(at: Set(keys.map(\.turn))) {
            var mutations: [Mutation] = []
            var count = 0
            for key in keys.compactMap(directory.key) {
                let renewed = try key.materials.compactMap { material throws(CryptoFailure) -> Mutation? in
                    guard let wrapped = try keyring.renewed(material) else { return nil }
                    var material = material
                    material.wrapped = wrapped
                    return .updateMaterial(material)
                }
                guard !renewed.isEmpty else { continue }
                count += renewed.count
                mutations += renewed + [key.unchanged]
            }
            if !mutations.isEmpty { try await ledger.commit(Change(mutations)) }
            return count
        }
    }

    private func renewSecrets(of account: AccountID) async throws -> Int {
        try await turns.inTurn(at: ["account \(account)"]) {
            for _ in 0..<Self.mostAttempts {
                if let count = try await attemptSecrets(of: account) { return count }
            }
            throw StoreError.conflict
        }
    }

    /// - Returns: How many secrets were wrapped anew; nil when the account was changed meanwhile.
    private func attemptSecrets(of account: AccountID) async throws -> Int? {
        guard let present = identities.identities(of: account) else { return 0 }
        var edit = IdentityEdit(present)
        var count = 0
        for var accessKey in present.accessKeyIDs.sorted().compactMap(present.accessKey) {
            let wrapped = try keyring.renewed(accessKey.wrappedSecret, accessKeyID: accessKey.id, account: account)
            guard let wrapped else { continue }
            accessKey.wrappedSecret = wrapped
            edit.put(accessKey, replacing: true)
            count += 1
        }
        guard let change = edit.change else { return 0 }
        do throws(StoreError) {
            try await ledger.commit(change)
        } catch {
            if error.isConflict { return nil }
            throw error
        }
        identities.publish(edit.identities)
        return count
    }
}
