package import KMSModel

/// Why a policy document is not accepted as a key policy.
package enum PolicyFailure: Error, Equatable, Sendable {
    /// More bytes than `most`.
    case tooLarge(most: Int)
    /// Not JSON, or not the grammar of a policy.
    case syntax
    /// A version of the language that there is not.
    case wrongVersion
    /// A statement's label in an identity policy that is not of letters and digits alone.
    case invalidSid
    /// Two statements of an identity policy with one label.
    case duplicateSid
    /// An action without the service that it is of, in a policy of IAM.
    case actionWithoutService
    /// An action of IAM's policies whose service is none.
    case invalidService(String)
    /// A principal of a trust policy that is not one, or does not exist.
    case unknownPrincipal(String)
    /// A character that may not stand in a policy.
    case invalidCharacter
    /// A resource of an identity policy that is neither `*` nor an ARN.
    case resourceWithoutARN
    /// A statement of a trust policy with a resource, which is the role itself.
    case prohibitedResource
    /// An action of a trust policy that is not of STS.
    case actionOutsideSTS
    /// A statement that names nobody.
    case missingPrincipal
    /// A statement of an identity policy without actions.
    case missingActions
    /// A statement of an identity policy without resources.
    case missingResources
    /// A principal that is malformed, of another partition, a partial wildcard, or does not exist.
    case invalidPrincipal
    /// A well-formed ARN of a kind that cannot be a principal, such as a group's.
    case invalidARN
    /// `ForAllValues` on a key that has one value: it would hold for every request without that key.
    case overlyPermissiveCondition
    /// The policy would not let its writer write another one.
    case lockout
}

extension KMSError {
    /// What a caller learns of a policy that was not accepted.
    ///
    /// Sentences: recorded answers and the KMS Developer Guide; those of `syntax`, `missingPrincipal` and `tooLarge` are
    /// not known from AWS.
    package init(_ failure: PolicyFailure) {
        switch failure {
        case .tooLarge(let most):
            self.init(.limitExceeded, "The key policy exceeds the maximum of \(most) bytes.")
        case .syntax, .wrongVersion, .invalidSid, .duplicateSid, .actionWithoutService, .invalidService,
            .invalidCharacter, .resourceWithoutARN,
            .prohibitedResource, .actionOutsideSTS:
            self.init(.malformedPolicyDocument, "Syntax errors in policy.")
        case .missingActions:
            self.init(.malformedPolicyDocument, "Policy statement must contain actions.")
        case .missingResources:
            self.init(.malformedPolicyDocument, "Policy statement must contain resources.")
        case .missingPrincipal:
            self.init(.malformedPolicyDocument, "Policy contains a statement with no principal.")
        case .invalidPrincipal, .unknownPrincipal:
            self.init(
                .malformedPolicyDocument,
                "Policy contains a statement with one or more invalid principals."
            )
        case .invalidARN:
            self.init(.invalidArn, "An ARN in the specified key policy is invalid.")
        case .overlyPermissiveCondition:
            self.init(.malformedPolicyDocument, Self.overlyPermissiveCondition)
        case .lockout:
            self.init(
                .malformedPolicyDocument,
                "The new key policy will not allow you to update the key policy in the future."
            )
        }
    }

    private static let overlyPermissiveCondition = """
        OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator with a single-valued condition \
        key matches requests without the specified encryption context or with an unspecified encryption context. To fix, \
        remove ForAllValues.
        """
}
