import Foundation
import KMSAccess
import KMSModel
import KMSStore

// Names for keys. Each operation is decided twice: on the alias, by identity policies only, and on the key.

/// An alias with the key that it is to point to.
package struct AliasedKey: Sendable {
    let alias: AliasARN
    let key: KeySnapshot
    /// What has this name already.
    let present: AliasRecord?
}

struct CreateAlias: Operation {
    static let description = OperationDescription(
        .createAlias, quota: .own(perSecond: 5),
        recorded: .change("AliasName", "TargetKeyId").namingKeysFirst())

    static func resolve(
        _ input: API.CreateAliasRequest, with resolver: KeyResolver
    ) throws(KMSError) -> AliasedKey {
        let alias = try resolver.aliasARN(input.aliasName)
        let key = try resolver.aliasTarget(input.targetKeyId, for: description)
        return AliasedKey(alias: alias, key: key, present: resolver.find(alias))
    }

    static func accesses(to subject: AliasedKey, for input: API.CreateAliasRequest) -> [Access] {
        [
            Access(description.action, on: .alias(subject.alias)),
            Access(description.action, on: .key(subject.key, checksState: true)),
        ]
    }

    static func perform(
        _ input: API.CreateAliasRequest, under permit: Permit<AliasedKey>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let (alias, key) = (permit.subject.alias, permit.subject.key)
        guard permit.subject.present == nil else {
            throw KMSError(.alreadyExists, "An alias with the name \(alias) already exists")
        }
        try key.checkRoomForAlias(in: context)
        let record = AliasRecord(
            arn: alias, creationDate: context.now, target: key.arn.keyID, lastUpdatedDate: context.now
        )
        return Outcome(API.Nothing(), change: Change([key.unchanged, .insertAlias(record)]))
    }
}

struct UpdateAlias: Operation {
    /// An alias, the key that it points to, and the key that it is to point to.
    package struct Move: Sendable {
        let alias: AliasRecord
        let old: KeySnapshot?
        let new: KeySnapshot
    }

    static let description = OperationDescription(
        .updateAlias, quota: .own(perSecond: 5), recorded: .change("AliasName", "TargetKeyId"))

    static func resolve(_ input: API.UpdateAliasRequest, with resolver: KeyResolver) throws(KMSError) -> Move {
        let alias = try resolver.alias(try resolver.aliasARN(input.aliasName))
        return Move(
            alias: alias, old: resolver.target(of: alias),
            new: try resolver.aliasTarget(input.targetKeyId, for: description)
        )
    }

    static func accesses(to subject: Move, for input: API.UpdateAliasRequest) -> [Access] {
        var accesses = [Access(description.action, on: .alias(subject.alias.arn))]
        if let old = subject.old { accesses.append(Access(description.action, on: .key(old, checksState: false))) }
        accesses.append(Access(description.action, on: .key(subject.new, checksState: true)))
        return accesses
    }

    static func perform(
        _ input: API.UpdateAliasRequest, under permit: Permit<Move>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let move = permit.subject
        if let old = move.old?.record,
            old.spec.isSymmetric != move.new.record.spec.isSymmetric
                || old.usage != move.new.record.usage
        {
            throw KMSError(
                .validation, "The current and new KMS key of an alias must be of the same type and key usage."
            )
        }
        if move.old?.arn != move.new.arn { try move.new.checkRoomForAlias(in: context) }
        var alias = move.alias
        alias.target = move.new.arn.keyID
        alias.lastUpdatedDate = context.now
        alias.version = move.alias.version + 1
        return Outcome(
            API.Nothing(), change: Change([move.new.unchanged, .updateAlias(alias, expecting: move.alias.version)]))
    }
}

struct DeleteAlias: Operation {
    /// An alias and the key that it points to.
    package struct Target: Sendable {
        let alias: AliasRecord
        let key: KeySnapshot?
    }

    static let description = OperationDescription(
        .deleteAlias, quota: .own(perSecond: 15), recorded: .change("AliasName"))

    static func resolve(_ input: API.DeleteAliasRequest, with resolver: KeyResolver) throws(KMSError) -> Target {
        let alias = try resolver.alias(try resolver.aliasARN(input.aliasName))
        return Target(alias: alias, key: resolver.target(of: alias))
    }

    static func accesses(to subject: Target, for input: API.DeleteAliasRequest) -> [Access] {
        var accesses = [Access(description.action, on: .alias(subject.alias.arn))]
        if let key = subject.key { accesses.append(Access(description.action, on: .key(key, checksState: true))) }
        return accesses
    }

    static func perform(
        _ input: API.DeleteAliasRequest, under permit: Permit<Target>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let alias = permit.subject.alias
        return Outcome(API.Nothing(), change: Change([.deleteAlias(alias.arn, expecting: alias.version)]))
    }
}

struct ListAliases: Operation {
    /// The most aliases on one page (KMS API Reference, ListAliases).
    private static let largestPage = 100
    private static let defaultPage = 50

    static let description = OperationDescription(
        .listAliases, quota: .own(perSecond: 500), recorded: .read("Limit", "Marker", "KeyId"))

    static func resolve(
        _ input: API.ListAliasesRequest, with resolver: KeyResolver
    ) throws(KMSError) -> KeySnapshot? {
        guard let identifier = input.keyId else { return nil }
        return try resolver.key(identifier, for: description)
    }

    static func accesses(to subject: KeySnapshot?, for input: API.ListAliasesRequest) -> [Access] {
        [Access(description.action, on: .account)]
    }

    static func perform(
        _ input: API.ListAliasesRequest, under permit: Permit<KeySnapshot?>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ListAliasesResponse> {
        let key = permit.subject
        let scope = PageScope(.listAliases, of: key?.arnText ?? "")
        let last = try scope.position(in: input.marker, AliasName.init)
        let limit = min(input.limit ?? defaultPage, largestPage)
        let found: [AliasRecord]
        if let key {
            found = context.directory.aliases(of: key.arn, after: last, limit: limit + 1)
        } else {
            found = try await context.listing { catalog throws(StoreError) in
                try await catalog.aliases(in: context.realm, after: last, limit: limit + 1)
            }
        }
        var listed = found.map { Listed(name: $0.arn.name, alias: $0) }
        if key == nil {
            // A name that is taken but not among those found stands behind them all, where this page does not reach.
            let taken = Set(found.map(\.arn.name))
            listed += Self.predefined(after: last).filter { !taken.contains($0) }.map { Listed(name: $0, alias: nil) }
            listed.sort { $0.name < $1.name }
        }
        let page = scope.page(of: listed, limit: limit) { $0.name.description }
        return Outcome(
            API.ListAliasesResponse(
                aliases: page.elements.map { API.AliasListEntry($0, in: context.realm) },
                nextMarker: page.nextMarker, truncated: page.isTruncated
            )
        )
    }

    /// A name on the page.
    fileprivate struct Listed {
        let name: AliasName
        /// Nil for a predefined name whose key nobody has asked for yet.
        let alias: AliasRecord?
    }

    /// The names of AWS services' keys, which AWS lists also before there are such keys.
    private static func predefined(after last: AliasName?) -> [AliasName] {
        let names = ManagedKeyService.allCases.compactMap(\.alias)
        guard let last else { return names }
        return names.filter { last < $0 }
    }
}

extension API.AliasListEntry {
    /// Source: KMS API Reference, AliasListEntry: a predefined alias without a key has no target and no dates.
    fileprivate init(_ listed: ListAliases.Listed, in realm: Realm) {
        self.init(
            aliasName: listed.name.description, aliasArn: AliasARN(realm: realm, name: listed.name).description,
            targetKeyId: listed.alias?.target.description, creationDate: listed.alias?.creationDate,
            lastUpdatedDate: listed.alias?.lastUpdatedDate
        )
    }
}

extension KeyResolver {
    /// The key that an alias is to point to.
    ///
    /// - Throws: ``KMSError`` with `ValidationException` when `identifier` is itself an alias.
    fileprivate func aliasTarget(
        _ identifier: String, for operation: OperationDescription
    ) throws(KMSError) -> KeySnapshot {
        guard !identifier.hasBytePrefix(AliasName.prefix), !identifier.contains(":alias/") else {
            throw KMSError(.validation, "Aliases must refer to keys. Not aliases")
        }
        return try key(identifier, for: operation)
    }
}

extension KeySnapshot {
    /// Refuses one more alias for a key that has as many as the quota admits.
    fileprivate func checkRoomForAlias(in context: RequestContext) throws(KMSError) {
        guard context.directory.aliasCount(of: arn) < context.quotas.resources(of: arn.account).aliasesPerKey else {
            throw KMSError(.limitExceeded, "The quota of aliases for the key \(arnText) has been reached.")
        }
    }
}
