import Foundation
import KMSAccess
import KMSCrypto
import KMSModel

// Replacing a key's material at once, and looking at all that it ever had.

struct RotateKeyOnDemand: KeyOperation {
    /// How close an automatic rotation may be, in seconds (KMS API Reference, RotateKeyOnDemand, ConflictException).
    private static let conflictWindow: TimeInterval = 20 * 60

    static let description = OperationDescription(
        .rotateKeyOnDemand, quota: .own(perSecond: 5), recorded: .change("KeyId", response: .everything)
    )

    static func keyIdentifier(in input: API.RotateKeyOnDemandRequest) -> String { input.keyId }

    static func perform(
        _ input: API.RotateKeyOnDemandRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.RotateKeyOnDemandResponse> {
        let key = permit.subject
        try KindRules.refuseReplica(key, for: description.name)
        guard key.record.spec == .symmetricDefault else { throw KMSError(.unsupportedOperation) }
        if let due = key.record.rotation?.nextRotation, due < context.now.addingTimeInterval(conflictWindow) {
            throw KMSError(
                .conflict, "An automatic rotation of the key \(key.arnText) is in progress or about to begin.")
        }
        let family = context.directory.family(of: key)
        try checkMaterial(of: key, in: family, context.quotas.resources(of: key.arn.account))
        let change = try context.keyring.answering { keyring throws(CryptoFailure) in
            try KeyRotation(type: .onDemand, now: context.now)
                .change(of: key, in: family, schedule: key.record.rotation, with: keyring)
        }
        var outcome = Outcome(API.RotateKeyOnDemandResponse(keyId: key.arnText), change: change)
        outcome.events = ServiceEvent.rotation(of: key, in: family, by: .onDemand)
        return outcome
    }

    private static func checkMaterial(
        of key: KeySnapshot, in family: KeyFamily, _ quotas: ResourceQuotas
    ) throws(KMSError) {
        let count = key.materials.count { $0.wasRotatedOnDemand }
        guard count < quotas.rotationsOnDemandPerKey else {
            throw KMSError(
                .limitExceeded,
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be "
                    + "performed for this key: \(key.arnText)"
            )
        }
        guard key.record.origin == .external else { return }
        guard let pending = key.pendingMaterial else {
            throw KMSError(
                .kmsInvalidState, "No available key material pending rotation for the key: \(key.arnText).")
        }
        guard !family.lacks(pending.id) else {
            throw KMSError(
                .kmsInvalidState,
                "Cannot perform key material rotation: Key material has not been imported for replicas of the "
                    + "Multi-Region key."
            )
        }
    }
}

struct ListKeyRotations: KeyOperation {
    /// The most rotations on one page (KMS API Reference, ListKeyRotations).
    private static let largestPage = 1000
    private static let defaultPage = 100

    static let description = OperationDescription(
        .listKeyRotations, quota: .own(perSecond: 100),
        recorded: .read("KeyId", "IncludeKeyMaterial", "Limit", "Marker")
    )

    static func keyIdentifier(in input: API.ListKeyRotationsRequest) -> String { input.keyId }

    static func perform(
        _ input: API.ListKeyRotationsRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ListKeyRotationsResponse> {
        let key = permit.subject
        let includesAll = input.includeKeyMaterial == "ALL_KEY_MATERIAL"
        guard !includesAll || key.record.spec == .symmetricDefault else {
            throw KMSError(
                .validation, "Input parameter includeKeyMaterial can only be used with symmetric keys."
            )
        }
        let family = context.directory.family(of: key)
        let shown = key.materials.filter { material in
            if case .rotated = material.stage { true } else { includesAll }
        }
        let scope = PageScope(.listKeyRotations, of: "\(key.arnText) \(includesAll)")
        let last = try scope.position(in: input.marker) { KeyMaterialID($0) }
        let start = try scope.start(behind: last, in: shown) { $0.id == $1 }
        let limit = min(input.limit ?? defaultPage, largestPage)
        let page = scope.page(of: shown[start...], limit: limit) { $0.id.description }
        return Outcome(
            API.ListKeyRotationsResponse(
                rotations: page.elements.map { API.RotationsListEntry($0, of: key, in: family) },
                nextMarker: page.nextMarker, truncated: page.isTruncated
            )
        )
    }
}

extension API.RotationsListEntry {
    /// What ListKeyRotations tells of one generation of a key's material.
    ///
    /// Source: KMS API Reference, RotationsListEntry.
    fileprivate init(_ material: MaterialRecord, of key: KeySnapshot, in family: KeyFamily) {
        let state: String =
            switch material.stage {
            case .pending:
                family.lacks(material.id) ? "PENDING_MULTI_REGION_IMPORT_AND_ROTATION" : "PENDING_ROTATION"
            case _ where material.id == key.record.currentMaterial: "CURRENT"
            default: "NON_CURRENT"
            }
        var (date, type): (Date?, RotationType?) = (nil, nil)
        if case .rotated(let at, let by) = material.stage { (date, type) = (at, by) }
        let isImported = key.record.origin == .external
        let expirationModel = material.validTo == nil ? ExpirationModel.doesNotExpire : .expires
        self.init(
            keyId: key.arnText, keyMaterialId: material.id.description, keyMaterialDescription: material.description,
            importState: isImported ? (material.isPresent ? "IMPORTED" : "PENDING_IMPORT") : nil,
            keyMaterialState: state,
            expirationModel: isImported && material.isPresent ? expirationModel.rawValue : nil,
            validTo: material.isPresent ? material.validTo : nil, rotationDate: date, rotationType: type?.rawValue
        )
    }
}

extension KeyFamily {
    /// Whether material is still to be brought to a member of the family before the family can be rotated to it.
    ///
    /// Replicas need it as it is. The primary's own copy may have expired, because pending material that did is still
    /// rotated to; but a primary that was a replica until now may never have had it.
    func lacks(_ material: KeyMaterialID) -> Bool {
        members.contains { member in
            guard let copy = member.material(material) else { return true }
            return !copy.isPresent && (member.record.isReplica || !copy.isExpired)
        }
    }
}

extension MaterialRecord {
    var wasRotatedOnDemand: Bool {
        if case .rotated(_, by: .onDemand) = stage { true } else { false }
    }
}
