import KMSAccess
import KMSModel

extension ExplanationRequest {
    /// The operations that work on no key.
    private static let keyless: Set<OperationName> = [
        .createKey, .generateRandom, .listKeys, .listAliases, .listRetirableGrants,
    ]

    /// The operations that need permission for an alias as well as for its key.
    private static let onAliases: Set<OperationName> = [.createAlias, .updateAlias, .deleteAlias]

    /// What has to be permitted, and what conditions may ask about beside it.
    struct Accesses {
        var needed: [Access]
        var others: [Access] = []
    }

    /// What the imagined request would act on.
    ///
    /// - Throws: ``KMSError``: `ValidationException` for a question that leaves out what it is about, `NotFoundException`,
    ///   and for a key of another account that is not there the same `AccessDeniedException` as for one that is not shared.
    func accesses(with resolver: KeyResolver) throws(KMSError) -> Accesses {
        switch operation.name {
        case .listRetirableGrants:
            guard let principal = body.text("RetiringPrincipal") else { throw Self.missing("RetiringPrincipal") }
            return Accesses(needed: [Access(action, on: .identity(principal))])
        case .createKey: return Accesses(needed: [Access(action, on: .account)] + tagging)
        case .replicateKey:
            let key = Access(action, on: .key(try key(with: resolver), checksState: false))
            return Accesses(needed: [key, Access("kms:CreateKey", on: .account)] + tagging)
        case .updatePrimaryRegion:
            let key = try key(with: resolver)
            let successor = body.text("PrimaryRegion").flatMap(Region.init).flatMap {
                resolver.relative(of: key, in: $0)
            }
            let keys = [key] + [successor].compactMap(\.self).filter { $0.arn != key.arn }
            return Accesses(needed: keys.map { Access(action, on: .key($0, checksState: false)) })
        case .retireGrant: return Accesses(needed: [try retirement(with: resolver)])
        case let name where Self.keyless.contains(name): return Accesses(needed: [Access(action, on: .account)])
        case let name where Self.onAliases.contains(name): return Accesses(needed: try aliasAccesses(with: resolver))
        default:
            let key = try key(with: resolver)
            return Accesses(
                needed: [Access(action, on: .key(key, checksState: false))], others: otherSide(with: resolver))
        }
    }

    // MARK: Kinds of requests

    /// What tags in a request that makes a key need besides.
    private var tagging: [Access] {
        let isTagged = body["Tags"].map { $0 != .array([]) } ?? false
        return isTagged ? [Access("kms:TagResource", on: .account)] : []
    }

    private func key(with resolver: KeyResolver) throws(KMSError) -> KeySnapshot {
        let member =
            action == "kms:ReEncryptFrom" ? "SourceKeyId" : action == "kms:ReEncryptTo" ? "DestinationKeyId" : "KeyId"
        guard let identifier = keyID ?? body.text(member) else { throw Self.missing(member) }
        return try resolver.key(identifier, for: operation.doing(action))
    }

    /// The form of the grant's identifier is looked at first, as the request does: of a key of another account nothing else
    /// may be told.
    private func retirement(with resolver: KeyResolver) throws(KMSError) -> Access {
        guard let id = body.text("GrantId") else { throw Self.missing("GrantId") }
        guard GrantID(id) != nil else { throw KMSError(.invalidGrantId, "Invalid grant ID '\(id)'") }
        let key = try key(with: resolver)
        return Access(action, on: .grant(key, try resolver.grant(id, on: key, for: operation)))
    }

    /// Both halves, or the one that the question is about.
    private func aliasAccesses(with resolver: KeyResolver) throws(KMSError) -> [Access] {
        var accesses: [Access] = []
        if let aliasName {
            let arn = try resolver.aliasARN(aliasName)
            accesses.append(Access(action, on: .alias(arn)))
            // Whoever takes an alias away from a key needs permission for that key as well.
            if operation.name != .createAlias, let old = (try? resolver.alias(arn)).flatMap(resolver.target) {
                accesses.append(Access(action, on: .key(old, checksState: false)))
            }
        }
        if let identifier = keyID ?? body.text("TargetKeyId") {
            let key = try resolver.key(identifier, for: operation)
            accesses.append(Access(action, on: .key(key, checksState: false)))
        }
        guard !accesses.isEmpty else { throw Self.missing("AliasName") }
        return accesses
    }

    /// The other key of an imagined ReEncrypt, as far as the request names one that there is.
    private func otherSide(with resolver: KeyResolver) -> [Access] {
        guard operation.name == .reEncrypt else { return [] }
        let isFrom = action == "kms:ReEncryptFrom"
        let other: ActionName = isFrom ? "kms:ReEncryptTo" : "kms:ReEncryptFrom"
        guard let name = body.text(isFrom ? "DestinationKeyId" : "SourceKeyId"),
            let key = try? resolver.key(name, for: operation.doing(other))
        else { return [] }
        return [Access(other, on: .key(key, checksState: false))]
    }

    private static func missing(_ member: String) -> KMSError {
        KMSError(.validation, "\(member) is needed: this is about one.")
    }
}
