import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

/// The keys that AWS services use for those who choose none of their own: `alias/aws/…`.
///
/// One comes into being in an account and region when it is first asked for by its alias. Its policy lets the account look
/// at it and lets the service use it for the account, and nobody administer it.
///
/// Source: KMS Developer Guide, "AWS managed keys".
package struct ManagedKeys: Sendable {
    private let directory: KeyDirectory
    private let ledger: Ledger
    private let turns: ChangeTurns
    private let outbox: AuditOutbox
    /// Every three years, as AWS did until 2022; every 365 days since then.
    package static let defaultRotationPeriodInDays = 1095

    /// How often the keys are rotated.
    let rotationPeriodInDays: Int

    init(
        directory: KeyDirectory, ledger: Ledger, turns: ChangeTurns, outbox: AuditOutbox, rotationPeriodInDays: Int
    ) {
        self.directory = directory
        self.ledger = ledger
        self.turns = turns
        self.outbox = outbox
        self.rotationPeriodInDays = rotationPeriodInDays
    }

    /// The members of requests that name a key that is to be used.
    private static let members = ["KeyId", "SourceKeyId", "DestinationKeyId"]

    /// Makes the services' keys that a request names and that do not exist yet in the caller's account and region.
    ///
    /// When it returns they can be found, whoever made them: of several requests that ask for a key first, the others wait
    /// until the one that makes it is done.
    ///
    /// - Throws: ``KMSError``: `KMSInternalException`, `DependencyTimeoutException`.
    func makeMissing(namedIn request: JSONObject, for context: RequestContext) async throws(KMSError) {
        for alias in missing(namedIn: request, in: context.realm) {
            try await turns.inTurn(at: ["first use of \(alias.arn)"]) { () async throws(KMSError) in
                guard directory.alias(alias.arn) == nil else { return }
                try await make(Draft(of: alias, rotatedEvery: rotationPeriodInDays, context))
            }
        }
    }

    /// The services' keys that a request names and that do not exist yet, as they would be made: for whoever may use them
    /// before they are, and for a dry run, which must change nothing.
    ///
    /// - Throws: ``KMSError`` with `KMSInternalException`.
    func drafts(
        namedIn request: JSONObject, for context: RequestContext
    ) throws(KMSError) -> [AliasARN: KeySnapshot] {
        var drafts: [AliasARN: KeySnapshot] = [:]
        for alias in missing(namedIn: request, in: context.realm) {
            drafts[alias.arn] = try Draft(of: alias, rotatedEvery: rotationPeriodInDays, context).snapshot(context)
        }
        return drafts
    }

    private func missing(namedIn request: JSONObject, in realm: Realm) -> [MissingAlias] {
        Self.members.compactMap { member in
            guard case .string(let identifier)? = request[member], let alias = Self.alias(identifier, in: realm),
                let service = ManagedKeyService(alias: alias.name), directory.alias(alias) == nil
            else { return nil }
            return MissingAlias(arn: alias, service: service)
        }
    }

    /// The alias that `identifier` means, if it is one of this realm, by its name or its ARN.
    private static func alias(_ identifier: String, in realm: Realm) -> AliasARN? {
        let own = "arn:\(realm.region.partition.rawValue):kms:\(realm.region):\(realm.account):"
        let rest = identifier.utf8.dropFirst(own.utf8.count)
        let name = identifier.hasBytePrefix(own) ? Substring(rest) : identifier[...]
        return AliasName(name).map { AliasARN(realm: realm, name: $0) }
    }

    private func make(_ draft: Draft) async throws(KMSError) {
        let mutations: [Mutation] = [
            .insertKey(draft.key), .insertMaterial(draft.material), .insertAlias(draft.alias),
        ]
        let record = KeptAuditLines([AuditRecord(of: .creation(of: draft.key.arn), at: draft.key.creationDate)])
        do throws(StoreError) {
            try await ledger.commit(Change(mutations), keeping: record)
        } catch {
            // Another node may have been first; then its key is in memory by now.
            if error.isConflict, directory.alias(draft.alias.arn) != nil { return }
            throw KMSError(error)
        }
        do throws(AuditFailure) {
            if let record { try await outbox.write([record]) }
        } catch {
            throw KMSError(error)
        }
    }
}

/// The name of a service's key that does not exist yet.
private struct MissingAlias {
    let arn: AliasARN
    let service: ManagedKeyService
}

/// A service's key that is not in the store.
private struct Draft {
    let key: KeyRecord
    let material: MaterialRecord
    let alias: AliasRecord

    init(of missing: MissingAlias, rotatedEvery days: Int, _ context: RequestContext) throws(KMSError) {
        guard let keyID = KeyID(UUID().uuidString.lowercased()) else { throw KMSError(.kmsInternal) }
        let now = context.now
        let arn = KeyARN(region: context.realm.region, account: context.realm.account, keyID: keyID)
        material = try context.keyring.answering { keyring throws(CryptoFailure) in
            try MaterialRecord(generatedBy: keyring, for: arn, spec: .symmetricDefault, at: now)
        }
        key = KeyRecord(
            arn: arn, spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS, manager: .aws,
            creationDate: now, state: .enabled, description: missing.service.description,
            policy: StandardKeyPolicy.managed(by: missing.service.rawValue, for: arn),
            rotation: RotationSchedule(periodInDays: days, nextRotation: now.adding(days: days)),
            currentMaterial: material.id
        )
        alias = AliasRecord(arn: missing.arn, creationDate: now, target: keyID, lastUpdatedDate: now)
    }

    func snapshot(_ context: RequestContext) throws(KMSError) -> KeySnapshot {
        guard let policy = try? context.policies.compile(key.policy, for: key.arn) else { throw KMSError(.kmsInternal) }
        return KeySnapshot(record: key, policy: policy, materials: [material])
    }
}
