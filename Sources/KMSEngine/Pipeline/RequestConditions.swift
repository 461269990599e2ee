import Foundation
import KMSAccess
import KMSModel

/// What a request supplies for the conditions and variables of policies.
///
/// Source: Service Authorization Reference, "Condition keys for AWS Key Management Service"; IAM User Guide, "AWS global
/// condition context keys".
struct RequestConditions: ConditionSource {
    let context: RequestContext
    let operation: OperationName
    let action: ActionName
    /// What is decided about; nil for operations on no key, and for aliases.
    let key: KeySnapshot?
    /// The grant that is to be ended, whose constraints then are the encryption context.
    var grant: Grant?
    /// Whether an alias is decided about, of which KMS tells nothing.
    var isAlias = false
    /// Whether ReEncrypt has one key on both sides.
    var isOnSameKey = false

    func values(of key: ConditionKey) -> ConditionValues {
        switch key {
        case .named(let name): values(of: name)
        case .encryptionContext(let name): contextValues(of: name)
        case .requestTag(let name): ConditionValues(of: name, in: requestTags)
        case .resourceTag(let name): ConditionValues(of: name, in: resourceTags)
        case .principalTag, .identityResourceTag, .unknown: circumstances.values(of: key)
        }
    }

    func steps(toFind key: ConditionKey) -> Int {
        // A member is found by looking at all that the request has, which nobody has counted yet.
        let reading = context.body.members.count * EvaluationBudget.stepsPerPair
        switch key {
        case .encryptionContext: return reading + contextSize * EvaluationBudget.stepsPerPair
        case .named(.encryptionContextKeys): return reading + contextSize * EvaluationBudget.stepsPerEntry
        case .requestTag, .resourceTag, .named(.tagKeys):
            return reading + tagCount * EvaluationBudget.stepsPerEntry
        case .named(.grantOperations): return reading + count(of: "Operations") * EvaluationBudget.stepsPerEntry
        case .named(.resourceAliases):
            // Each is looked up and becomes a text.
            guard let key = self.key else { return 0 }
            return context.directory.aliasCount(of: key.arn) * 2 * EvaluationBudget.stepsPerEntry
        case .named(let name) where !name.rawValue.utf8.starts(with: "aws:".utf8):
            return reading + EvaluationBudget.longLookUp
        case .named, .principalTag, .identityResourceTag, .unknown: return circumstances.steps(toFind: key)
        }
    }

    /// How many pairs the encryption context has, or the constraints that stand in its place.
    private var contextSize: Int {
        guard grant == nil, case .object(let pairs)? = contextMember else { return grant == nil ? 0 : 8 }
        return pairs.members.count
    }

    /// How many tags the request and the key have.
    private var tagCount: Int { count(of: "Tags") + count(of: "TagKeys") + (key?.record.tags.count ?? 0) }

    private func count(of member: String) -> Int {
        if case .array(let values)? = context.body[member] { values.count } else { 0 }
    }

    private func values(of name: ConditionKey.Name) -> ConditionValues {
        if name.rawValue.utf8.starts(with: "aws:".utf8) { return globalValues(of: name) }
        guard !isAlias else { return .absent }
        if let member = RequestMember.of[name] {
            return member.operations.contains(operation)
                ? ConditionValues(text(member.name) ?? member.byDefault) : .absent
        }
        switch name {
        case .callerAccount: return isAboutKey ? .one(context.caller.principal.account.description) : .absent
        case .encryptionAlgorithm: return ConditionValues(encryptionAlgorithm)
        case .encryptionContextKeys: return .several(contextPairs.map(\.key))
        case .grantConstraintType: return ConditionValues(grantConstraintType)
        case .grantOperations: return .several(operation == .createGrant ? texts("Operations") : [])
        case .grantIsForAWSResource:
            return [.createGrant, .listGrants, .revokeGrant].contains(operation) ? .one("false") : .absent
        case .requestAlias: return ConditionValues(requestAlias)
        case .reEncryptOnSameKey: return operation == .reEncrypt ? .one(isOnSameKey ? "true" : "false") : .absent
        case .resourceAliases: return .several(resourceAliases)
        case .trailingDaysWithoutKeyUsage: return ConditionValues(trailingDays)
        default: return ConditionValues(KeyTraits(self)?.value(of: name))
        }
    }

    /// Whether there is a key, or one is about to be.
    var isAboutKey: Bool { key != nil || operation == .createKey }

    /// Whether the replica is decided about that a request is to make, and not the key that it is made of.
    var isAboutReplica: Bool { operation == .replicateKey && action != "kms:ReplicateKey" }

    // MARK: Members of the request

    private func text(_ member: String) -> String? {
        switch context.body[member] {
        case .string(let text), .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        default: nil
        }
    }

    private func texts(_ member: String) -> [String] {
        guard case .array(let values)? = context.body[member] else { return [] }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }

    /// The member of ReEncrypt, or of an operation with one side, that a decision is about.
    private func sided(_ member: String) -> String {
        guard operation == .reEncrypt else { return member }
        return (action == "kms:ReEncryptFrom" ? "Source" : "Destination") + member
    }

    private static let contextOperations: Set<OperationName> = [
        .encrypt, .decrypt, .reEncrypt, .generateDataKey, .generateDataKeyWithoutPlaintext, .generateDataKeyPair,
        .generateDataKeyPairWithoutPlaintext,
    ]

    private var encryptionAlgorithm: String? {
        guard Self.contextOperations.contains(operation) else { return nil }
        // Data keys are encrypted with no other: their requests do not have the member.
        let isAsked = [.encrypt, .decrypt, .reEncrypt].contains(operation)
        return (isAsked ? text(sided("EncryptionAlgorithm")) : nil) ?? EncryptionAlgorithm.symmetricDefault.rawValue
    }

    /// The pairs of the request's encryption context, or of the constraints of a grant that it asks for.
    var contextPairs: [(key: String, value: String)] {
        guard !isAlias else { return [] }
        if let grant { return grant.constraintPairs }
        guard case .object(let pairs)? = contextMember else { return [] }
        return pairs.members.compactMap { pair in
            if case .string(let value) = pair.value { (pair.name, value) } else { nil }
        }
    }

    /// The same, as grants compare it.
    var encryptionContext: EncryptionContext { EncryptionContext(contextPairs.map { ($0.key, $0.value) }) }

    /// What a pair has whose key in lower case is `name`; of the request itself nothing is copied for that.
    private func contextValues(of name: String) -> ConditionValues {
        guard !isAlias, grant == nil else { return ConditionValues(of: name, in: contextPairs) }
        guard case .object(let pairs)? = contextMember else { return .absent }
        var values = ConditionValues.absent
        for pair in pairs.members {
            if case .string(let value) = pair.value, pair.name.isSame(asFolded: name) { values.add(value) }
        }
        return values
    }

    private var contextMember: JSONValue? {
        if Self.contextOperations.contains(operation) { return context.body[sided("EncryptionContext")] }
        return operation == .createGrant ? grantConstraint?.pairs : nil
    }

    /// The constraint of a grant that is asked for; a map without pairs is none.
    private var grantConstraint: (type: String, pairs: JSONValue)? {
        guard case .object(let constraints)? = context.body["Constraints"] else { return nil }
        for type in ["EncryptionContextEquals", "EncryptionContextSubset"] {
            if case .object(let pairs)? = constraints[type], !pairs.members.isEmpty { return (type, .object(pairs)) }
        }
        return nil
    }

    private var grantConstraintType: String? {
        if let grant { return grant.constraintType }
        return operation == .createGrant ? grantConstraint?.type : nil
    }

    private static let aliasOperations: Set<OperationName> = contextOperations.union([
        .generateMac, .verifyMac, .sign, .verify, .deriveSharedSecret, .describeKey, .getPublicKey,
    ])

    private var requestAlias: String? {
        guard Self.aliasOperations.contains(operation), let identifier = text(sided("KeyId")) else { return nil }
        if identifier.utf8.starts(with: AliasName.prefix.utf8) { return identifier }
        let resource = identifier.utf8.split(
            separator: UInt8(ascii: ":"), maxSplits: 5, omittingEmptySubsequences: false
        ).last
        return resource.flatMap { $0.starts(with: AliasName.prefix.utf8) ? String(Substring($0)) : nil }
    }

    private var requestTags: [(key: String, value: String)] {
        guard !isAlias, [.createKey, .replicateKey, .tagResource].contains(operation),
            case .array(let tags)? = context.body["Tags"]
        else { return [] }
        return tags.compactMap { tag in
            guard case .object(let tag) = tag, case .string(let key)? = tag["TagKey"],
                case .string(let value)? = tag["TagValue"]
            else { return nil }
            return (key, value)
        }
    }

    private var requestTagKeys: [String] {
        if operation == .untagResource { return texts("TagKeys") }
        // The key that a replica is made of gets no tags.
        return operation == .replicateKey && !isAboutReplica ? [] : requestTags.map(\.key)
    }

    // MARK: The key

    private var resourceTags: [(key: String, value: String)] {
        if let key { return key.record.tags.map { ($0.key, $0.value) } }
        return operation == .createKey ? requestTags : []
    }

    private var resourceAliases: [String] {
        guard let key else { return [] }
        return context.directory.aliases(of: key.arn).map(
            \.arn.name.description)
    }

    private var trailingDays: String? {
        guard [.disableKey, .scheduleKeyDeletion].contains(operation), let last = key?.use.last?.date else {
            return nil
        }
        return String(Int(context.now.timeIntervalSince(last) / 86_400))
    }

    // MARK: The caller and the circumstances

    private var circumstances: RequestCircumstances {
        RequestCircumstances(
            caller: context.caller, client: context.client, now: context.now, identities: context.identities)
    }

    private func globalValues(of name: ConditionKey.Name) -> ConditionValues {
        switch name {
        case .resourceAccount: isAboutKey ? .one((key?.arn.account ?? context.realm.account).description) : .absent
        // A replica is made where it will be; the policy of a key is replaced, and a key becomes the primary or ceases to
        // be it, where the key is.
        case .requestedRegion where isAboutReplica: ConditionValues(text("ReplicaRegion"))
        case .requestedRegion where [.putKeyPolicy, .updatePrimaryRegion].contains(operation) && key != nil:
            ConditionValues(key?.arn.region.description)
        case .tagKeys: .several(isAlias ? [] : requestTagKeys)
        default: circumstances.values(of: .named(name))
        }
    }
}

extension RequestConditions {
    /// What could be asked of a request to replace the policy of a key that is not there yet: for the lockout safety check.
    init(replacingPolicyOf draft: KeyRecord, in context: RequestContext) throws(KMSError) {
        do throws(PolicyFailure) {
            let policy = KeyPolicy(try PolicyDocument.parse(stored: draft.policy, as: .key(draft.arn.region.partition)))
            self.init(
                context: context, operation: .putKeyPolicy, action: "kms:PutKeyPolicy",
                key: KeySnapshot(record: draft, policy: policy, materials: []))
        } catch {
            throw KMSError(error)
        }
    }
}

extension Grant {
    /// The pairs of the grant's constraint, and what kind of constraint it is.
    fileprivate var constraintPairs: [(key: String, value: String)] {
        (record.constraints.equals ?? record.constraints.subset)?.pairs.map { ($0.key, $0.value) } ?? []
    }

    fileprivate var constraintType: String? {
        if record.constraints.equals != nil { return "EncryptionContextEquals" }
        return record.constraints.subset == nil ? nil : "EncryptionContextSubset"
    }
}

/// A condition key whose value is a member of some requests.
private struct RequestMember {
    let name: String
    let operations: Set<OperationName>
    var byDefault: String?

    static let of: [ConditionKey.Name: RequestMember] = [
        .bypassPolicyLockoutSafetyCheck: Self(
            name: "BypassPolicyLockoutSafetyCheck", operations: [.createKey, .putKeyPolicy]),
        .dataKeyPairSpec: Self(
            name: "KeyPairSpec", operations: [.generateDataKeyPair, .generateDataKeyPairWithoutPlaintext]),
        .expirationModel: Self(name: "ExpirationModel", operations: [.importKeyMaterial]),
        .granteePrincipal: Self(name: "GranteePrincipal", operations: [.createGrant]),
        .retiringPrincipal: Self(name: "RetiringPrincipal", operations: [.createGrant]),
        .keyAgreementAlgorithm: Self(name: "KeyAgreementAlgorithm", operations: [.deriveSharedSecret]),
        .macAlgorithm: Self(name: "MacAlgorithm", operations: [.generateMac, .verifyMac]),
        .messageType: Self(
            name: "MessageType", operations: [.sign, .verify], byDefault: MessageType.raw.rawValue),
        .primaryRegion: Self(name: "PrimaryRegion", operations: [.updatePrimaryRegion]),
        .replicaRegion: Self(name: "ReplicaRegion", operations: [.replicateKey]),
        .rotationPeriodInDays: Self(
            name: "RotationPeriodInDays", operations: [.enableKeyRotation], byDefault: "365"),
        .scheduleKeyDeletionPendingWindowInDays: Self(
            name: "PendingWindowInDays", operations: [.scheduleKeyDeletion], byDefault: "30"),
        .signingAlgorithm: Self(name: "SigningAlgorithm", operations: [.sign, .verify]),
        .validTo: Self(name: "ValidTo", operations: [.importKeyMaterial]),
        .wrappingAlgorithm: Self(name: "WrappingAlgorithm", operations: [.getParametersForImport]),
        .wrappingKeySpec: Self(name: "WrappingKeySpec", operations: [.getParametersForImport]),
    ]
}

/// What kind of key a decision is about: one that exists, or the one that a request is to make.
private struct KeyTraits {
    private let spec: String
    private let usage: String
    private let origin: String
    private let isMultiRegion: Bool
    /// Nil for a single-Region key.
    private let multiRegionType: String?

    init?(_ conditions: RequestConditions) {
        let body = conditions.context.body
        func given(_ members: String..., byDefault: String) -> String {
            for member in members { if case .string(let text)? = body[member] { return text } }
            return byDefault
        }
        if let record = conditions.key?.record, conditions.grant == nil {
            spec = record.spec.rawValue
            usage = record.usage.rawValue
            origin = record.origin.rawValue
            isMultiRegion = record.isMultiRegion
            let isReplica = record.isReplica || conditions.isAboutReplica
            multiRegionType = record.isMultiRegion ? (isReplica ? "REPLICA" : "PRIMARY") : nil
        } else if conditions.operation == .createKey {
            spec = given("KeySpec", "CustomerMasterKeySpec", byDefault: KeySpec.symmetricDefault.rawValue)
            usage = given("KeyUsage", byDefault: KeyUsage.encryptDecrypt.rawValue)
            origin = given("Origin", byDefault: KeyOrigin.awsKMS.rawValue)
            isMultiRegion = body["MultiRegion"] == .bool(true)
            multiRegionType = isMultiRegion ? "PRIMARY" : nil
        } else {
            return nil
        }
    }

    func value(of name: ConditionKey.Name) -> String? {
        switch name {
        case .keySpec, .customerMasterKeySpec: spec
        case .keyUsage, .customerMasterKeyUsage: usage
        case .keyOrigin: origin
        case .multiRegion: isMultiRegion ? "true" : "false"
        case .multiRegionKeyType: multiRegionType
        default: nil
        }
    }
}
