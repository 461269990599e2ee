package import KMSModel

extension StandardKeyPolicy {
    /// Who is to have a key, as somebody chooses it when the key is made.
    package struct Choices: Sendable {
        /// What kind of key it is.
        package var spec: KeySpec
        /// What it is for.
        package var usage: KeyUsage
        /// Where its material comes from.
        package var origin = KeyOrigin.awsKMS
        /// Whether it can have replicas in other regions.
        package var isMultiRegion = false
        /// The ARNs of those who administer it.
        package var administrators: [String] = []
        /// Whether administrators may have it deleted.
        package var administratorsMayDelete = true
        /// The ARNs of those who use it.
        package var users: [String] = []
        /// Other accounts that may let their own users and roles use it.
        package var accounts: [AccountID] = []

        package init(spec: KeySpec, usage: KeyUsage) {
            self.spec = spec
            self.usage = usage
        }
    }

    /// The policy that the AWS console writes for a new key: the account's own policies decide, and whoever was chosen
    /// administers or uses the key besides.
    ///
    /// Source: KMS Developer Guide, "Default key policy".
    package static func console(
        _ choices: Choices, for account: AccountID, in partition: Partition
    ) -> String {
        var statements = [delegation(to: account, in: partition)]
        if !choices.administrators.isEmpty {
            statements.append(
                statement(
                    "Allow access for Key Administrators", choices.administrators, may: administration(choices)))
        }
        let users = choices.users + choices.accounts.map { Principal.root($0).arn(in: partition) }
        if !users.isEmpty {
            statements.append(statement("Allow use of the key", users, may: use(choices)))
            var grants = statement(
                "Allow attachment of persistent resources", users,
                may: ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"])
            let isForResource = JSONObject(["kms:GrantIsForAWSResource": .string("true")])
            grants.append("Condition", .object(JSONObject(["Bool": .object(isForResource)])))
            statements.append(grants)
        }
        let document = JSONObject([
            "Version": .string(PolicyDocument.Version.current.rawValue),
            "Id": .string("key-consolepolicy-3"),
            "Statement": .array(statements.map(JSONValue.object)),
        ])
        return PolicyText.print(.object(document))
    }

    private static func statement(_ sid: String, _ principals: [String], may actions: [String]) -> JSONObject {
        let names = principals.map(JSONValue.string)
        return JSONObject([
            "Sid": .string(sid),
            "Effect": .string("Allow"),
            "Principal": .object(JSONObject(["AWS": names.count == 1 ? names[0] : .array(names)])),
            "Action": .array(actions.map(JSONValue.string)),
            "Resource": .string("*"),
        ])
    }

    private static func administration(_ choices: Choices) -> [String] {
        var actions = [
            "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
            "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource",
        ]
        if choices.administratorsMayDelete { actions += ["kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"] }
        actions.append("kms:RotateKeyOnDemand")
        if choices.origin == .external { actions.append("kms:ImportKeyMaterial") }
        if choices.isMultiRegion { actions += ["kms:ReplicateKey", "kms:UpdatePrimaryRegion"] }
        return actions
    }

    private static func use(_ choices: Choices) -> [String] {
        switch choices.usage {
        case .encryptDecrypt where choices.spec.isSymmetric:
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        case .encryptDecrypt: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey", "kms:GetPublicKey"]
        case .signVerify: ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"]
        case .keyAgreement: ["kms:DescribeKey", "kms:GetPublicKey", "kms:DeriveSharedSecret"]
        case .generateVerifyMAC: ["kms:DescribeKey", "kms:GenerateMac", "kms:VerifyMac"]
        }
    }
}
