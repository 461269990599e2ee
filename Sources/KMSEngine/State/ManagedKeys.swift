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
    private let audit: AuditLog
    /// Every three years, as AWS did until 2022; every 365 days since then.
    package static let defaultRotationPeriodInDays = 1095

    /// How often the keys are rotated.
    let rotationPeriodInDays: Int

    init(directory: KeyDirectory, ledger: Ledger, audit: AuditLog, rotationPeriodInDays: Int) {
        self.directory = directory
        self.ledger = ledger
        self.audit = audit
        self.rotationPeriodInDays = rotationPeriodInDays
    }

    /// The members of requests that name a key that is to be used.
    private static let members = ["KeyId", "SourceKeyId", "DestinationKeyId"]

    /// Makes the services' keys that a request names and that do not exist yet in the caller's account and region.
    ///
    /// - Returns: Whether there was one to make.
    /// - Throws: ``KMSError``: `KMSInternalException`, `DependencyTimeoutException`.
    func makeMissing(namedIn request: JSONObject, for context: RequestContext) async throws(KMSError) -> Bool {
        var isAnyMade = false
        for member in Self.members {
            guard case .string(let identifier)? = request[member],
                let alias = Self.alias(identifier, in: context.realm),
                let service = ManagedKeyService(alias: alias.name), directory.alias(alias) == nil
            else { continue }
            try await make(alias, service, context)
            isAnyMade = true
        }
        return isAnyMade
    }

    /// The alias that `identifier` means, if it is one of this realm, by its name or its ARN.
    private static func alias(_ identifier: String, in realm: Realm) -> AliasARN? {
        let own = "arn:\(realm.region.partition.rawValue):kms:\(realm.region):\(realm.account):"
        let rest = identifier.utf8.dropFirst(own.utf8.count)
        let name = identifier.hasBytePrefix(own) ? Substring(rest) : identifier[...]
        return AliasName(name).map { AliasARN(realm: realm, name: $0) }
    }

    private func make(
        _ alias: AliasARN, _ service: ManagedKeyService, _ context: RequestContext
    ) async throws(KMSError) {
        guard let keyID = KeyID(UUID().uuidString.lowercased()) else { throw KMSError(.kmsInternal) }
        let arn = KeyARN(region: context.realm.region, account: context.realm.account, keyID: keyID)
        let material = try context.keyring.answering { keyring throws(CryptoFailure) in
            try MaterialRecord(generatedBy: keyring, for: arn, spec: .symmetricDefault, at: context.now)
        }
        let key = KeyRecord(
            arn: arn, spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS, manager: .aws,
            creationDate: context.now, state: .enabled, description: service.description,
            policy: StandardKeyPolicy.managed(by: service.rawValue, for: arn),
            rotation: RotationSchedule(
                periodInDays: rotationPeriodInDays, nextRotation: context.now.adding(days: rotationPeriodInDays)
            ),
            currentMaterial: material.id
        )
        let name = AliasRecord(
            arn: alias, creationDate: context.now, target: keyID, lastUpdatedDate: context.now
        )
        do throws(StoreError) {
            try await ledger.commit(Change([.insertKey(key), .insertMaterial(material), .insertAlias(name)]))
        } catch .conflict {
            // Another request asked for it at the same time, and made it.
            return
        } catch {
            throw KMSError(error)
        }
        do throws(AuditFailure) {
            try await audit.append(AuditRecord(of: .creation(of: arn), at: context.now).line(), durably: true)
        } catch {
            throw KMSError(.kmsInternal, "The request could not be recorded.")
        }
    }
}
