import KMSAccess
import KMSModel
import Testing

struct AccessDeniedTests {
    private static let hidden = """
        because the resource does not exist in this Region, no resource-based policies allow access, or a \
        resource-based policy explicitly denies access
        """
    private static let user = "arn:aws:iam::111122223333:user/reader"
    private static let stranger = "arn:aws:iam::444455556666:user/reader"

    @Test(arguments: [
        (Decision.Denial.deniedByKeyPolicy(statement: 3), "with an explicit deny in a resource-based policy"),
        (.notInKeyPolicy, "because no resource-based policy allows the kms:Encrypt action"),
        (.notInIdentityPolicies, "because no identity-based policy allows the kms:Encrypt action"),
    ])
    func `a caller of the key's account learns the reason`(denial: Decision.Denial, reason: String) throws {
        let error = KMSError.accessDenied(try question(Self.user), because: denial, in: .aws)
        #expect(error.code == .accessDenied)
        #expect(
            error.message
                == "User: \(Self.user) is not authorized to perform: kms:Encrypt on resource: "
                + "\(PolicyVectors.keyARN) \(reason)"
        )
    }

    @Test(arguments: [
        Decision.Denial.deniedByKeyPolicy(statement: 0), .notInKeyPolicy, .notAcrossAccounts,
    ])
    func `a caller of another account cannot tell a key from none`(denial: Decision.Denial) throws {
        let question = try question(Self.stranger)
        let error = KMSError.accessDenied(question, because: denial, in: .aws)
        let missing = KMSError.accessDeniedToHiddenKey(question.caller, doing: question.action, in: .aws)
        #expect(error.code == .accessDenied)
        #expect(error.message == missing.message)
        #expect(
            error.message
                == "User: \(Self.stranger) is not authorized to perform: kms:Encrypt on this resource \(Self.hidden)"
        )
    }

    @Test func `a caller of another account whose own account is silent learns that`() throws {
        let error = KMSError.accessDenied(try question(Self.stranger), because: .notInIdentityPolicies, in: .aws)
        #expect(
            error.message
                == "User: \(Self.stranger) is not authorized to perform: kms:Encrypt on this resource "
                + "because no identity-based policy allows the kms:Encrypt action"
        )
    }

    @Test func `without a resource the sentence names a star`() throws {
        let question = AccessQuestion(
            caller: try PolicyVectors.caller(Self.user), action: "kms:CreateKey", resource: .outsideKeyPolicies("*"),
            crossesAccounts: false, request: NoConditions()
        )
        #expect(
            KMSError.accessDenied(question, because: .notInIdentityPolicies, in: .aws).message
                == "User: \(Self.user) is not authorized to perform: kms:CreateKey on resource: * "
                + "because no identity-based policy allows the kms:CreateKey action"
        )
    }

    @Test func `a ciphertext of an unknown key has a sentence of its own`() throws {
        let error = KMSError.accessDeniedToHiddenKeyOfCiphertext(
            try PolicyVectors.caller("arn:aws:sts::111122223333:assumed-role/deployer/run-1"), doing: "kms:Decrypt",
            in: .aws
        )
        #expect(error.code == .accessDenied)
        #expect(
            error.message
                == "User: arn:aws:sts::111122223333:assumed-role/deployer/run-1 is not authorized to perform: "
                + "kms:Decrypt on the resource associated with this ciphertext \(Self.hidden)"
        )
    }

    @Test func `the caller is named in the partition of the request`() throws {
        let error = KMSError.accessDenied(try question(Self.user), because: .notInKeyPolicy, in: .china)
        #expect(error.message?.hasPrefix("User: arn:aws-cn:iam::111122223333:user/reader is not") == true)
    }

    @Test(arguments: [
        (
            PolicyFailure.tooLarge(most: 32_768), KMSError.Code.limitExceeded,
            "The key policy exceeds the maximum of 32768 bytes."
        ),
        (.syntax, .malformedPolicyDocument, "Syntax errors in policy."),
        (.missingPrincipal, .malformedPolicyDocument, "Policy contains a statement with no principal."),
        (
            .invalidPrincipal, .malformedPolicyDocument,
            "Policy contains a statement with one or more invalid principals."
        ),
        (.invalidARN, .invalidArn, "An ARN in the specified key policy is invalid."),
        (
            .overlyPermissiveCondition, .malformedPolicyDocument,
            "OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set operator with a single-valued "
                + "condition key matches requests without the specified encryption context or with an unspecified "
                + "encryption context. To fix, remove ForAllValues."
        ),
        (
            .lockout, .malformedPolicyDocument,
            "The new key policy will not allow you to update the key policy in the future."
        ),
    ])
    func `a policy that is not accepted is refused in AWS's words`(
        failure: PolicyFailure, code: KMSError.Code, message: String
    ) {
        let error = KMSError(failure)
        #expect(error.code == code)
        #expect(error.message == message)
    }

    private func question(_ caller: String) throws -> AccessQuestion {
        AccessQuestion(
            caller: try PolicyVectors.caller(caller), action: "kms:Encrypt",
            resource: .key(arn: PolicyVectors.keyARN, owner: try #require(AccountID("111122223333"))),
            crossesAccounts: true, request: NoConditions()
        )
    }
}
