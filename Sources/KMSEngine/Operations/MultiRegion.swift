import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

// Related keys: the same identifier and material in several regions.

struct ReplicateKey: KeyOperation {
    static let description = OperationDescription(
        .replicateKey,
        quota: .own(perSecond: 5, elsewhere: RegionalCharge(2, of: .createKey, inRegionOf: "ReplicaRegion")),
        recorded: .change(
            "KeyId", "ReplicaRegion", "Policy", "BypassPolicyLockoutSafetyCheck", "Description", "Tags",
            defaults: [("BypassPolicyLockoutSafetyCheck", .bool(false))], response: .everything
        )
    )

    static func keyIdentifier(in input: API.ReplicateKeyRequest) -> String { input.keyId }

    static func check(_ input: API.ReplicateKeyRequest) throws(KMSError) {
        if let tags = input.tags { _ = try TagList([]).setting(tags, quota: ResourceQuotas.tagsPerKey) }
    }

    static func turns(for input: API.ReplicateKeyRequest, in context: RequestContext) -> [String] {
        guard let region = Region(input.replicaRegion) else { return [] }
        return context.turnsForKey(in: Realm(account: context.realm.account, region: region))
    }

    static func accesses(to key: KeySnapshot, for input: API.ReplicateKeyRequest) -> [Access] {
        var accesses = [
            Access(description.action, on: .key(key, checksState: true)), Access("kms:CreateKey", on: .account),
        ]
        if let tags = input.tags, !tags.isEmpty { accesses.append(Access("kms:TagResource", on: .account)) }
        return accesses
    }

    static func perform(
        _ input: API.ReplicateKeyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ReplicateKeyResponse> {
        let primary = permit.subject
        let arn = try replicaARN(of: primary, in: input.replicaRegion, context)
        try await context.checkRoomForKey(in: arn.realm)
        let tags = try TagList([]).setting(input.tags ?? [], quota: ResourceQuotas.tagsPerKey).tags
        var replica = KeyRecord(
            arn: arn, spec: primary.record.spec, usage: primary.record.usage, origin: primary.record.origin,
            creationDate: context.now, primaryRegion: primary.arn.region, state: .creating,
            description: input.description ?? "",
            policy: StandardKeyPolicy.default(for: arn.account, in: arn.region.partition), tags: tags,
            currentMaterial: primary.record.currentMaterial
        )
        replica.policy = try context.policies.accept(
            input.policy, for: arn, caller: context.caller,
            skippingLockoutCheck: input.bypassPolicyLockoutSafetyCheck ?? false,
            request: try RequestConditions(replacingPolicyOf: replica, in: context)
        )
        let materials = try materials(of: primary, for: arn, context)
        // The primary gets a new version, so that a rotation at the same time cannot miss the new replica.
        let change = Change([.insertKey(replica)] + materials.map(Mutation.insertMaterial) + [primary.unchanged])
        let relatives = (context.directory.family(of: primary).members.map(\.record) + [replica])
            .sorted { $0.arn.region < $1.arn.region }
        var outcome = Outcome(
            API.ReplicateKeyResponse(
                replicaKeyMetadata: API.KeyMetadata(replica, materials: materials, relatives: relatives),
                replicaPolicy: context.policies.text(of: replica.policy, for: replica.arn),
                replicaTags: input.tags == nil ? nil : tags.map { API.TagOutput(tagKey: $0.key, tagValue: $0.value) }
            ),
            change: change
        )
        outcome.elsewhere = RecordElsewhere(
            eventName: OperationName.createKey.rawValue, region: arn.region, requestParameters: nil, resources: [arn],
            changed: nil, invokedBy: nil
        )
        return outcome
    }

    /// The replica's material: the primary's own, or for an imported key only what has to be brought.
    private static func materials(
        of primary: KeySnapshot, for replica: KeyARN, _ context: RequestContext
    ) throws(KMSError) -> [MaterialRecord] {
        var materials: [MaterialRecord] = []
        for material in primary.materials {
            let source = primary.record.origin == .external ? material.withoutBytes : material
            materials.append(
                try context.keyring.answering { keyring throws(CryptoFailure) in
                    try source.shared(with: replica, by: keyring)
                })
        }
        return materials
    }

    /// - Throws: ``KMSError``, in AWS's sentences, unless `key` is a primary that can have a replica there.
    private static func replicaARN(
        of key: KeySnapshot, in name: String, _ context: RequestContext
    ) throws(KMSError) -> KeyARN {
        guard key.record.isMultiRegion, !key.record.isReplica else {
            throw KMSError(.unsupportedOperation, "\(key.arnText) is not a multi-region primary key.")
        }
        guard let region = Region(name), region != key.arn.region else {
            throw KMSError(.validation, "\(name) cannot have a replica because it contains the primary.")
        }
        guard region.partition == key.arn.region.partition else {
            throw KMSError(
                .validation,
                "The replica key Region must be in the same AWS partition as the primary key Region."
            )
        }
        guard context.regions.admitsReplica(in: region) else {
            throw KMSError(
                .validation,
                "Region \(name) is not a valid Region or multi-Region keys are not supported in Region \(name)."
            )
        }
        guard context.directory.key(key.arn.keyID, in: region) == nil else {
            throw KMSError(
                .alreadyExists, "You can create only one replica of each primary key in each AWS Region.")
        }
        return KeyARN(region: region, account: key.arn.account, keyID: key.arn.keyID)
    }
}

struct UpdatePrimaryRegion: Operation {
    /// A key, and the related key that is to be the primary.
    package struct Succession: Sendable {
        let primary: KeySnapshot
        let successor: KeySnapshot?
    }

    static let description = OperationDescription(
        .updatePrimaryRegion,
        quota: .own(perSecond: 5, elsewhere: RegionalCharge(1, of: .updatePrimaryRegion, inRegionOf: "PrimaryRegion")),
        recorded: .change("KeyId", "PrimaryRegion"))

    static func resolve(
        _ input: API.UpdatePrimaryRegionRequest, with resolver: KeyResolver
    ) throws(KMSError) -> Succession {
        let key = try resolver.key(input.keyId, for: description)
        let successor = Region(input.primaryRegion).flatMap { resolver.relative(of: key, in: $0) }
        return Succession(primary: key, successor: successor)
    }

    static func accesses(to subject: Succession, for input: API.UpdatePrimaryRegionRequest) -> [Access] {
        var keys = [subject.primary]
        if let successor = subject.successor, successor.arn != subject.primary.arn { keys.append(successor) }
        return keys.map { Access(description.action, on: .key($0, checksState: true)) }
    }

    static func perform(
        _ input: API.UpdatePrimaryRegionRequest, under permit: Permit<Succession>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let primary = permit.subject.primary
        guard primary.record.isMultiRegion else {
            throw KMSError(.unsupportedOperation, "\(primary.arnText) is not a multi-Region primary key.")
        }
        guard !primary.record.isReplica else {
            throw KMSError(.kmsInvalidState, "\(primary.arnText) is not a multi-Region primary key.")
        }
        guard input.primaryRegion != primary.arn.region.description else { return Outcome(API.Nothing()) }
        guard let successor = permit.subject.successor else {
            throw KMSError(
                .validation, "\(primary.arn.keyID) does not have a replica key in the specified Region.")
        }
        var outcome = Outcome(API.Nothing(), change: change(from: primary, to: successor, context.directory))
        outcome.elsewhere = RecordElsewhere(
            eventName: description.name.rawValue, region: successor.arn.region,
            requestParameters: JSONObject([
                "keyId": .string(successor.arnText), "primaryRegion": .string(input.primaryRegion),
            ]),
            resources: nil, changed: successor.arn, invokedBy: "kms.amazonaws.com"
        )
        return outcome
    }

    /// Every related key learns of the new primary; the schedule of rotation goes to it.
    private static func change(
        from primary: KeySnapshot, to successor: KeySnapshot, _ directory: KeyDirectory
    ) -> Change {
        let mutations = directory.family(of: primary).members.flatMap { member in
            member.changing(afterMaterial: []) { key in
                key.primaryRegion = successor.arn.region
                if member.arn == primary.arn { key.rotation = nil }
                if member.arn == successor.arn { key.rotation = primary.record.rotation }
                if member.arn == primary.arn || member.arn == successor.arn { key.state = .updating }
            }
        }
        return Change(mutations)
    }
}
