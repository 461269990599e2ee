package import KMSModel

/// Every operation that this server does, by its name in the API.
package enum Catalogue {
    /// The operations; those of the API model that are missing here answer `UnsupportedOperationException`.
    package static let operations: [any Operation.Type] = [
        CancelKeyDeletion.self, CreateAlias.self, CreateKey.self, Decrypt.self, DeleteAlias.self, DescribeKey.self,
        DisableKey.self, DisableKeyRotation.self, EnableKey.self, EnableKeyRotation.self, Encrypt.self,
        GenerateDataKey.self, GenerateDataKeyWithoutPlaintext.self, GenerateRandom.self, GetKeyPolicy.self,
        GetKeyRotationStatus.self, ListAliases.self, ListKeyPolicies.self, ListKeys.self, ListResourceTags.self,
        PutKeyPolicy.self, ReEncrypt.self, ScheduleKeyDeletion.self, TagResource.self, UntagResource.self,
        UpdateAlias.self, UpdateKeyDescription.self,
    ]

    private static let byName: [OperationName: any Operation.Type] = Dictionary(
        operations.map { ($0.description.name, $0) }, uniquingKeysWith: { first, _ in first }
    )

    /// The operation called `name`, or nil when this server does not do it.
    package static func operation(_ name: OperationName) -> (any Operation.Type)? { byName[name] }
}
