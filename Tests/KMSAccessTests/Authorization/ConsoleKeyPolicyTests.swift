import KMSAccess
import KMSModel
import Testing

/// What the AWS console's policies say, by the table of the KMS Developer Guide's "Default key policy".
struct ConsoleKeyPolicyTests {
    private static let administrator = "arn:aws:iam::111122223333:user/Admin"
    private static let user = "arn:aws:iam::111122223333:role/team/App"
    private static let administration = [
        "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
        "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource",
    ]

    private func document(_ choices: StandardKeyPolicy.Choices) throws -> PolicyDocument {
        let account = try #require(AccountID("111122223333"))
        return try PolicyDocument.parse(StandardKeyPolicy.console(choices, for: account, in: .aws), in: .aws)
    }

    private func symmetric() -> StandardKeyPolicy.Choices {
        StandardKeyPolicy.Choices(spec: .symmetricDefault, usage: .encryptDecrypt)
    }

    @Test func `who chooses nobody leaves the key to the account`() throws {
        let text = StandardKeyPolicy.console(symmetric(), for: try #require(AccountID("111122223333")), in: .aws)
        #expect(
            text == """
                {
                  "Version" : "2012-10-17",
                  "Id" : "key-consolepolicy-3",
                  "Statement" : [ {
                    "Sid" : "Enable IAM User Permissions",
                    "Effect" : "Allow",
                    "Principal" : {
                      "AWS" : "arn:aws:iam::111122223333:root"
                    },
                    "Action" : "kms:*",
                    "Resource" : "*"
                  } ]
                }
                """)
    }

    @Test func `administrators administer, and delete unless that is cleared`() throws {
        var choices = symmetric()
        choices.administrators = [Self.administrator]
        let deletion = ["kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"]
        let able = try document(choices).statements
        #expect(able.map(\.sid) == ["Enable IAM User Permissions", "Allow access for Key Administrators"])
        #expect(able[1].actions?.elements == Self.administration + deletion + ["kms:RotateKeyOnDemand"])
        #expect(able[1].principals?.elements == [try PolicyPrincipal(aws: Self.administrator, in: .aws)])
        choices.administratorsMayDelete = false
        #expect(
            try document(choices).statements[1].actions?.elements == Self.administration + ["kms:RotateKeyOnDemand"])
    }

    @Test func `imported and multi-Region keys take more administration`() throws {
        var choices = symmetric()
        choices.administrators = [Self.administrator]
        choices.origin = .external
        #expect(try document(choices).statements[1].actions?.elements.suffix(1) == ["kms:ImportKeyMaterial"])
        choices.isMultiRegion = true
        #expect(
            try document(choices).statements[1].actions?.elements.suffix(3) == [
                "kms:ImportKeyMaterial", "kms:ReplicateKey", "kms:UpdatePrimaryRegion",
            ])
    }

    private static let uses: [(KeySpec, KeyUsage, [String])] = [
        (
            .symmetricDefault, .encryptDecrypt,
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        ),
        (
            .rsa2048, .encryptDecrypt,
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey", "kms:GetPublicKey"]
        ),
        (
            .sm2, .encryptDecrypt,
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey", "kms:GetPublicKey"]
        ),
        (.rsa4096, .signVerify, ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"]),
        (.mlDSA65, .signVerify, ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"]),
        (.eccNISTP256, .keyAgreement, ["kms:DescribeKey", "kms:GetPublicKey", "kms:DeriveSharedSecret"]),
        (.hmac256, .generateVerifyMAC, ["kms:DescribeKey", "kms:GenerateMac", "kms:VerifyMac"]),
    ]

    @Test(arguments: uses)
    func `users do what the key is for`(spec: KeySpec, usage: KeyUsage, actions: [String]) throws {
        var choices = StandardKeyPolicy.Choices(spec: spec, usage: usage)
        choices.users = [Self.user]
        let statements = try document(choices).statements
        #expect(
            statements.map(\.sid) == [
                "Enable IAM User Permissions", "Allow use of the key", "Allow attachment of persistent resources",
            ])
        #expect(statements[1].actions?.elements == actions)
        #expect(statements[2].actions?.elements == ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"])
        let tests = statements[2].conditions.flatMap(\.tests)
        #expect(tests.map(\.key) == ["kms:GrantIsForAWSResource"] && tests.map(\.values) == [["true"]])
    }

    @Test func `other accounts use the key beside the users`() throws {
        var choices = symmetric()
        choices.users = [Self.user]
        let other = try #require(AccountID("444455556666"))
        choices.accounts = [other]
        let named = [try PolicyPrincipal(aws: Self.user, in: .aws), .account(other)]
        let statements = try document(choices).statements.dropFirst()
        #expect(statements.allSatisfy { $0.principals?.elements == named && $0.resources?.elements == ["*"] })
        choices.users = []
        #expect(try document(choices).statements.count == 3)
    }
}
