package import Foundation
package import KMSAccess
package import KMSCrypto
package import KMSModel

/// Finds the key or alias that a request names, as one caller sees it at one time.
///
/// Source of the rules: KMS API Reference, `KeyId`; the sentences are AWS's own.
package struct KeyResolver: Sendable {
    private let directory: KeyDirectory
    private let keyring: Keyring
    private let caller: Caller
    private let now: Date
    private let drafts: [AliasARN: KeySnapshot]
    private let sought: SoughtNames?

    /// - Parameters:
    ///   - drafts: Keys that do not exist, to be found by these names where there are no others.
    ///   - sought: Where it is put down what is in memory, and what is not.
    package init(
        directory: KeyDirectory, keyring: Keyring, caller: Caller, now: Date, drafts: [AliasARN: KeySnapshot] = [:],
        sought: SoughtNames? = nil
    ) {
        self.directory = directory
        self.keyring = keyring
        self.caller = caller
        self.now = now
        self.drafts = drafts
        self.sought = sought
    }

    private var realm: Realm { Realm(account: caller.principal.account, region: caller.region) }

    /// The key that `identifier` names in one of the forms that the operation accepts.
    ///
    /// - Throws: ``KMSError``: `NotFoundException`, `InvalidArnException`, or for a key of another account that is not
    ///   there or cannot be used by this operation the same `AccessDeniedException` that an unshared key gives.
    package func key(_ identifier: String, for operation: OperationDescription) throws(KMSError) -> KeySnapshot {
        if identifier.hasBytePrefix("arn:") { return try key(arn: identifier, for: operation) }
        if identifier.hasBytePrefix(AliasName.prefix) {
            try requireAliases(operation)
            return try key(alias: identifier, account: realm.account, for: operation)
        }
        guard let keyID = KeyID(identifier) else { throw KMSError(.notFound, "Invalid keyId '\(identifier)'") }
        return try key(keyID, account: realm.account, for: operation)
    }

    /// The key that is to open a ciphertext, which `identifier` names in one of the forms that the operation accepts.
    ///
    /// - Throws: ``KMSError``: as ``key(_:for:)``, and `IncorrectKeyException` for the ARN of a related key of another
    ///   region.
    package func key(
        opening ciphertext: KeyID?, named identifier: String, for operation: OperationDescription
    ) throws(KMSError) -> KeySnapshot {
        do throws(KMSError) {
            return try key(identifier, for: operation)
        } catch {
            guard let ciphertext, let here = find(KeyARN(realm: realm, keyID: ciphertext)),
                directory.family(of: here).members.contains(where: { $0.arnText == identifier })
            else { throw error }
            throw .incorrectKey
        }
    }

    /// The key that a ciphertext names, for a request that does not name it.
    ///
    /// - Throws: ``KMSError`` with `AccessDeniedException`, the same for a key that is not there and one that is not shared.
    package func key(ofCiphertext keyID: KeyID, action: ActionName) throws(KMSError) -> KeySnapshot {
        guard let key = find(keyID, in: caller.region) else {
            throw .accessDeniedToHiddenKeyOfCiphertext(
                .principal(caller.principal), doing: action, in: caller.region.partition
            )
        }
        return key.at(now)
    }

    /// Notes that the key in memory may be old, when a ciphertext names material that it does not have: another node may have
    /// rotated it.
    func expect(_ header: SymmetricCiphertext.Header, of key: KeySnapshot) {
        guard let sought, header.keyID == key.arn.keyID, key.material(header.materialID) == nil else { return }
        sought.noteOld(key.arn.keyID)
    }

    /// The alias of the caller's realm that has this name.
    ///
    /// - Throws: ``KMSError`` with `ValidationException` or `NotAuthorizedException` when customers cannot have such a name.
    package func aliasARN(_ name: String) throws(KMSError) -> AliasARN {
        guard name.hasBytePrefix(AliasName.prefix) else {
            throw KMSError(
                .validation,
                "Alias must start with the prefix \"alias/\". Please see "
                    + "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
            )
        }
        guard let name = AliasName(name) else {
            throw KMSError(.validation, "\(name) contains invalid characters for an alias")
        }
        guard !name.isReserved else { throw KMSError(.notAuthorized) }
        return AliasARN(realm: realm, name: name)
    }

    /// The alias itself.
    ///
    /// - Throws: ``KMSError`` with `NotFoundException` when there is none.
    package func alias(_ arn: AliasARN) throws(KMSError) -> AliasRecord {
        guard let alias = find(arn) else { throw Self.aliasNotFound(arn.description) }
        return alias
    }

    /// The key in `region` that shares its material with `key`, which may be itself.
    package func relative(of key: KeySnapshot, in region: Region) -> KeySnapshot? {
        directory.family(of: key).members.first { $0.arn.region == region }?.at(now)
    }

    /// The key that `alias` points to.
    package func target(of alias: AliasRecord) -> KeySnapshot? { find(alias.targetARN)?.at(now) }

    // MARK: Looking up

    /// The alias of this ARN, if it is in memory.
    func find(_ arn: AliasARN) -> AliasRecord? {
        if let alias = directory.alias(arn) { return alias }
        sought?.noteMissed(arn)
        return nil
    }

    private func find(_ keyID: KeyID, in region: Region) -> KeySnapshot? {
        guard let key = directory.key(keyID, in: region) else {
            sought?.noteMissed(KeyPlace(region, keyID))
            return nil
        }
        sought?.noteFound(keyID)
        return key
    }

    private func find(_ arn: KeyARN) -> KeySnapshot? {
        guard let key = find(arn.keyID, in: arn.region), key.arn.account == arn.account else { return nil }
        return key
    }

    // MARK: Grants

    /// The grant on `key` that a request names.
    ///
    /// - Throws: ``KMSError``: `InvalidGrantIdException`, `NotFoundException`; of another account's key the error of a key
    ///   that is not shared.
    func grant(
        _ id: String, on key: KeySnapshot, for operation: OperationDescription
    ) throws(KMSError) -> Grant {
        do throws(KMSError) {
            return try directory.grants.existing(id, on: key)
        } catch {
            throw error.code == .notFound && key.arn.account != realm.account ? foreign(operation) : error
        }
    }

    /// The grant that a token names, and its key.
    ///
    /// - Throws: ``KMSError``: `InvalidGrantTokenException`, `NotFoundException`.
    func grant(ofToken token: String) throws(KMSError) -> (key: KeySnapshot, grant: Grant) {
        guard let named = keyring.grant(ofToken: token, in: caller.region) else { throw .invalidGrantToken }
        guard let key = find(named.keyID, in: caller.region),
            let grant = directory.grants.grant(named.id, on: key.arn)
        else { throw KMSError(.notFound, "Grant ID \(named.id) not found") }
        return (key, grant)
    }

    // MARK: Forms

    private func key(arn text: String, for operation: OperationDescription) throws(KMSError) -> KeySnapshot {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[2] == "kms", Partition(rawValue: String(parts[1])) != nil,
            let region = Region(String(parts[3])), let account = AccountID(parts[4]),
            region.partition.rawValue == parts[1]
        else { throw malformed(text, for: operation) }
        guard region == caller.region else { throw KMSError(.notFound, "Invalid arn \(region)") }
        let resource = parts[5]
        if resource.hasBytePrefix(AliasName.prefix) {
            try requireAliases(operation)
            return try key(alias: String(resource), account: account, for: operation)
        }
        guard resource.hasBytePrefix("key/") else { throw malformed(text, for: operation) }
        let name = Substring(resource.utf8.dropFirst(4))
        guard let keyID = KeyID(String(name)) else { throw KMSError(.notFound, "Invalid keyId '\(name)'") }
        return try key(keyID, account: account, for: operation)
    }

    private func key(
        _ keyID: KeyID, account: AccountID, for operation: OperationDescription
    ) throws(KMSError) -> KeySnapshot {
        let arn = KeyARN(region: caller.region, account: account, keyID: keyID)
        let found = find(arn)?.at(now)
        if account != realm.account {
            guard let found, operation.isCrossAccount else { throw foreign(operation) }
            return found
        }
        guard let found else { throw KMSError(.notFound, "Key '\(arn)' does not exist") }
        return found
    }

    private func key(
        alias text: String, account: AccountID, for operation: OperationDescription
    ) throws(KMSError) -> KeySnapshot {
        let realm = Realm(account: account, region: caller.region)
        let isForeign = account != self.realm.account
        if let arn = AliasName(text).map({ AliasARN(realm: realm, name: $0) }) {
            if let alias = find(arn) { return try key(alias.target, account: account, for: operation) }
            if let draft = drafts[arn] { return draft }
        }
        if isForeign { throw foreign(operation) }
        throw Self.aliasNotFound("arn:\(realm.region.partition.rawValue):kms:\(realm.region):\(account):\(text)")
    }

    // MARK: Refusals

    private func requireAliases(_ operation: OperationDescription) throws(KMSError) {
        guard operation.identifiers == .any else {
            throw KMSError(.invalidArn, "Key Aliases are not supported for this operation.")
        }
    }

    private func foreign(_ operation: OperationDescription) -> KMSError {
        .accessDeniedToHiddenKey(
            .principal(caller.principal), doing: operation.action, in: caller.region.partition
        )
    }

    private func malformed(_ text: String, for operation: OperationDescription) -> KMSError {
        operation.name.declaredErrors.contains(.invalidArn)
            ? KMSError(.invalidArn, "Invalid arn \(text)") : KMSError(.notFound, "Invalid arn \(text)")
    }

    private static func aliasNotFound(_ arn: String) -> KMSError {
        KMSError(.notFound, "Alias \(arn) is not found.")
    }
}

extension KMSError {
    static var invalidGrantToken: KMSError { KMSError(.invalidGrantToken, "The grant token is not valid.") }
}
