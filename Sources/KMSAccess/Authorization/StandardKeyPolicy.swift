package import KMSModel

/// Key policies that AWS writes by itself.
package enum StandardKeyPolicy {
    /// The policy of a key that was created without one: the account's own policies decide.
    ///
    /// Source: KMS Developer Guide, "Default key policy".
    package static func `default`(for account: AccountID, in partition: Partition) -> String {
        defaultText.joined(separator: Principal.root(account).arn(in: partition))
    }

    /// The text of the default policy before and behind the account's ARN, in which no character is escaped.
    private static let defaultText: [String] = {
        let place = "ARN"
        let document = JSONObject([
            "Version": .string(PolicyDocument.Version.current.rawValue),
            "Id": .string("key-default-1"),
            "Statement": .array([.object(delegation(to: place))]),
        ])
        return PolicyText.print(.object(document)).split(separator: place).map(String.init)
    }()

    /// What lets the account's own policies decide.
    static func delegation(to account: AccountID, in partition: Partition) -> JSONObject {
        delegation(to: Principal.root(account).arn(in: partition))
    }

    private static func delegation(to arn: String) -> JSONObject {
        JSONObject([
            "Sid": .string("Enable IAM User Permissions"),
            "Effect": .string("Allow"),
            "Principal": .object(JSONObject(["AWS": .string(arn)])),
            "Action": .string("kms:*"),
            "Resource": .string("*"),
        ])
    }

    /// The policy of a key that an AWS service has in an account.
    ///
    /// Whoever may use the service may use the key through it, and the account may look at the key. Nobody administers it.
    ///
    /// Source: KMS Developer Guide, "AWS managed keys".
    ///
    /// - Parameter service: The service's name, as in the key's alias.
    package static func managed(by service: String, for key: KeyARN) -> String {
        let use = JSONObject([
            "Sid": .string("Allow access through \(service) for all principals in the account that may use it"),
            "Effect": .string("Allow"),
            "Principal": .object(JSONObject(["AWS": .string("*")])),
            "Action": .array(
                [
                    "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant",
                    "kms:DescribeKey",
                ].map(JSONValue.string)
            ),
            "Resource": .string("*"),
            "Condition": .object(
                JSONObject([
                    "StringEquals": .object(
                        JSONObject([
                            "kms:CallerAccount": .string(key.account.description),
                            "kms:ViaService": .string("\(service).\(key.region).amazonaws.com"),
                        ]))
                ])),
        ])
        let look = JSONObject([
            "Sid": .string("Allow direct access to key metadata to the account"),
            "Effect": .string("Allow"),
            "Principal": .object(
                JSONObject(["AWS": .string(Principal.root(key.account).arn(in: key.region.partition))])),
            "Action": .array(["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"].map(JSONValue.string)),
            "Resource": .string("*"),
        ])
        let document = JSONObject([
            "Version": .string(PolicyDocument.Version.current.rawValue),
            "Id": .string("auto-\(service)-1"),
            "Statement": .array([.object(use), .object(look)]),
        ])
        return PolicyText.print(.object(document))
    }
}
