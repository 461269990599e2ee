import Foundation
import KMSModel
import KMSStore

// Switching keys on and off, and the waiting period before their end.

struct EnableKey: KeyOperation {
    static let description = OperationDescription(.enableKey, quota: .own(perSecond: 5), recorded: .change("KeyId"))

    static func keyIdentifier(in input: API.EnableKeyRequest) -> String { input.keyId }

    static func perform(
        _ input: API.EnableKeyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        permit.subject.changed { key in
            // However many rotations the key missed while it was off, it rotates once, now (KMS Developer Guide,
            // "Rotate AWS KMS keys": a disabled key).
            if key.state == .disabled, let schedule = key.rotation, schedule.nextRotation < context.now {
                key.rotation = RotationSchedule(periodInDays: schedule.periodInDays, nextRotation: context.now)
            }
            key.state = .enabled
        }
    }
}

struct DisableKey: KeyOperation {
    static let description = OperationDescription(.disableKey, quota: .own(perSecond: 5), recorded: .change("KeyId"))

    static func keyIdentifier(in input: API.DisableKeyRequest) -> String { input.keyId }

    static func perform(
        _ input: API.DisableKeyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        permit.subject.changed { $0.state = .disabled }
    }
}

struct ScheduleKeyDeletion: KeyOperation {
    /// How long a key must wait before it is deleted, in days (KMS API Reference, ScheduleKeyDeletion).
    private static let allowedDays = 7...30
    private static let defaultDays = 30

    static let description = OperationDescription(
        .scheduleKeyDeletion,
        quota: .own(perSecond: 15),
        recorded: .change(
            "KeyId", "PendingWindowInDays", defaults: [("PendingWindowInDays", .number("\(defaultDays)"))],
            response: .everything
        )
    )

    static func keyIdentifier(in input: API.ScheduleKeyDeletionRequest) -> String { input.keyId }

    static func check(_ input: API.ScheduleKeyDeletionRequest) throws(KMSError) {
        guard allowedDays.contains(input.pendingWindowInDays ?? defaultDays) else {
            throw KMSError(
                .validation,
                "PendingWindowInDays must be between \(allowedDays.lowerBound) and \(allowedDays.upperBound) days."
            )
        }
    }

    static func perform(
        _ input: API.ScheduleKeyDeletionRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ScheduleKeyDeletionResponse> {
        let days = input.pendingWindowInDays ?? defaultDays
        // A primary waits for its replicas to be deleted; only then does its own waiting period begin.
        let key = permit.subject
        let waits = !key.record.isReplica && !context.directory.family(of: key).replicas.isEmpty
        let end = waits ? nil : context.now.adding(days: days)
        let state: KeyState = waits ? .pendingReplicaDeletion : .pendingDeletion
        let change = key.change {
            $0.state = state
            $0.deletionDate = end
            $0.pendingWindowInDays = days
        }
        var outcome = Outcome(
            API.ScheduleKeyDeletionResponse(
                keyId: key.arnText, deletionDate: end, keyState: state.rawValue, pendingWindowInDays: days
            ),
            change: change
        )
        outcome.additionalEventData = key.backingKeys.map { JSONObject(["backingKeys": .string($0)]) }
        return outcome
    }
}

struct CancelKeyDeletion: KeyOperation {
    static let description = OperationDescription(
        .cancelKeyDeletion, quota: .own(perSecond: 5), recorded: .change("KeyId", response: .everything)
    )

    static func keyIdentifier(in input: API.CancelKeyDeletionRequest) -> String { input.keyId }

    static func perform(
        _ input: API.CancelKeyDeletionRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.CancelKeyDeletionResponse> {
        let key = permit.subject
        let isComplete = key.record.origin != .external || key.materials.areComplete
        let change = key.change {
            $0.state = isComplete ? .disabled : .pendingImport
            $0.deletionDate = nil
            $0.pendingWindowInDays = nil
        }
        return Outcome(API.CancelKeyDeletionResponse(keyId: permit.subject.arnText), change: change)
    }
}
