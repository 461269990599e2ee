import Foundation
import KMSModel
import KMSStore

// The schedule on which a key's material is replaced.

struct EnableKeyRotation: KeyOperation {
    /// Days between rotations when the request does not say (KMS API Reference, EnableKeyRotation).
    private static let defaultPeriodInDays = 365

    static let description = OperationDescription(
        .enableKeyRotation,
        quota: .own(perSecond: 15),
        recorded: .change(
            "KeyId", "RotationPeriodInDays",
            defaults: [("RotationPeriodInDays", .number("\(defaultPeriodInDays)"))]
        )
    )

    static func keyIdentifier(in input: API.EnableKeyRotationRequest) -> String { input.keyId }

    static func perform(
        _ input: API.EnableKeyRotationRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        try KindRules.refuseReplica(permit.subject, for: description.name)
        guard permit.subject.record.spec == .symmetricDefault else { throw KMSError(.unsupportedOperation) }
        return permit.subject.changed { key in
            let present = key.rotation?.periodInDays
            let period = input.rotationPeriodInDays ?? present ?? defaultPeriodInDays
            // Repeating the call leaves the schedule alone; another period starts anew.
            guard period != present else { return }
            key.rotation = RotationSchedule(
                periodInDays: period, nextRotation: context.now.adding(days: period)
            )
        }
    }
}

struct DisableKeyRotation: KeyOperation {
    static let description = OperationDescription(
        .disableKeyRotation, quota: .own(perSecond: 5), recorded: .change("KeyId"))

    static func keyIdentifier(in input: API.DisableKeyRotationRequest) -> String { input.keyId }

    static func perform(
        _ input: API.DisableKeyRotationRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        try KindRules.refuseReplica(permit.subject, for: description.name)
        // Nothing to switch off, and no error, for a key that never rotates by itself.
        return permit.subject.changed { $0.rotation = nil }
    }
}

struct GetKeyRotationStatus: KeyOperation {
    static let description = OperationDescription(
        .getKeyRotationStatus, isCrossAccount: true, quota: .own(perSecond: 1000), recorded: .read("KeyId")
    )

    static func keyIdentifier(in input: API.GetKeyRotationStatusRequest) -> String { input.keyId }

    static func perform(
        _ input: API.GetKeyRotationStatusRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GetKeyRotationStatusResponse> {
        let key = permit.subject.record
        // Replicas rotate with their primary. A key that waits for its end does not rotate; the schedule comes back with
        // CancelKeyDeletion.
        let shared = context.directory.family(of: permit.subject).primary?.record.rotation
        let schedule = key.state == .pendingDeletion ? nil : shared
        return Outcome(
            API.GetKeyRotationStatusResponse(
                keyRotationEnabled: schedule != nil,
                keyId: permit.subject.arnText,
                rotationPeriodInDays: schedule?.periodInDays,
                nextRotationDate: schedule?.nextRotation
            )
        )
    }
}
