package import KMSModel

/// Key policies that AWS writes by itself.
package enum StandardKeyPolicy {
    /// The policy of a key that was created without one: the account's own policies decide.
    ///
    /// Source: KMS Developer Guide, "Default key policy".
    package static func `default`(for account: AccountID, in partition: Partition) -> String {
        let statement = JSONObject([
            "Sid": .string("Enable IAM User Permissions"),
            "Effect": .string("Allow"),
            "Principal": .object(JSONObject(["AWS": .string(Principal.root(account).arn(in: partition))])),
            "Action": .string("kms:*"),
            "Resource": .string("*"),
        ])
        let document = JSONObject([
            "Version": .string(PolicyDocument.Version.current.rawValue),
            "Id": .string("key-default-1"),
            "Statement": .array([.object(statement)]),
        ])
        return PolicyText.print(.object(document))
    }
}
