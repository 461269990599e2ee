import Foundation
import KMSAccess
import KMSModel
import KMSStore

// The one policy that every key has.

struct GetKeyPolicy: KeyOperation {
    static let description = OperationDescription(
        .getKeyPolicy, quota: .own(perSecond: 1000),
        recorded: .read("KeyId", "PolicyName", defaults: [("PolicyName", .string(KeyPolicyName.only))])
    )

    static func keyIdentifier(in input: API.GetKeyPolicyRequest) -> String { input.keyId }

    static func perform(
        _ input: API.GetKeyPolicyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GetKeyPolicyResponse> {
        try KeyPolicyName.check(input.policyName)
        return Outcome(
            API.GetKeyPolicyResponse(
                policy: context.policies.text(of: permit.subject.record.policy, for: permit.subject.arn),
                policyName: KeyPolicyName.only
            )
        )
    }
}

struct PutKeyPolicy: KeyOperation {
    static let description = OperationDescription(
        .putKeyPolicy,
        quota: .own(perSecond: 15),
        recorded: .change(
            "KeyId", "PolicyName", "Policy", "BypassPolicyLockoutSafetyCheck",
            defaults: [
                ("PolicyName", .string(KeyPolicyName.only)), ("BypassPolicyLockoutSafetyCheck", .bool(false)),
            ]
        )
    )

    static func keyIdentifier(in input: API.PutKeyPolicyRequest) -> String { input.keyId }

    static func perform(
        _ input: API.PutKeyPolicyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        try KeyPolicyName.check(input.policyName)
        let policy = try context.policies.accept(
            input.policy, for: permit.subject.arn, caller: context.caller,
            skippingLockoutCheck: input.bypassPolicyLockoutSafetyCheck ?? false,
            request: RequestConditions(
                context: context, operation: .putKeyPolicy, action: "kms:PutKeyPolicy", key: permit.subject)
        )
        return permit.subject.changed { $0.policy = policy }
    }
}

struct ListKeyPolicies: KeyOperation {
    static let description = OperationDescription(
        .listKeyPolicies, quota: .own(perSecond: 100), recorded: .read("KeyId", "Limit", "Marker")
    )

    static func keyIdentifier(in input: API.ListKeyPoliciesRequest) -> String { input.keyId }

    static func check(_ input: API.ListKeyPoliciesRequest) throws(KMSError) {
        // One name never fills a page, so no marker was ever handed out; the model has no InvalidMarkerException here.
        if input.marker != nil { throw KMSError(.validation, "The marker is not valid.") }
    }

    static func perform(
        _ input: API.ListKeyPoliciesRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ListKeyPoliciesResponse> {
        Outcome(API.ListKeyPoliciesResponse(policyNames: [KeyPolicyName.only], truncated: false))
    }
}

/// The name of a key's policy, of which there is one.
private enum KeyPolicyName {
    static let only = "default"

    static func check(_ name: String?) throws(KMSError) {
        guard name == nil || name == only else {
            throw KMSError(.notFound, "No such policy exists")
        }
    }
}
