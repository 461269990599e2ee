package import KMSModel

/// Every operation that this server does, by its name in the API.
package struct Catalogue: Sendable {
    /// An operation, ready to be run.
    struct Entry: Sendable {
        let operation: any Operation.Type
        let isReadOnly: Bool
        /// What is charged for a call before anything else is done about it.
        let quota: ChargedOperation
        let run: @Sendable (Pipeline, JSONObject, inout Call) async -> Result<[UInt8], KMSError>

        /// Inlined into the list below, so that the compiler makes the pipeline anew for each operation: run through an
        /// existential, a third of a request's time went into looking up types.
        @inline(__always)
        init<Op: Operation>(_ operation: Op.Type) {
            self.operation = operation
            isReadOnly = operation.description.recorded.isReadOnly
            quota = ChargedOperation(operation.description)
            run = { pipeline, body, call in await pipeline.result(of: Op.self, body, &call) }
        }
    }

    /// The operations that this server does.
    private static let entries = [
        Entry(CancelKeyDeletion.self), Entry(ConnectCustomKeyStore.self), Entry(CreateAlias.self),
        Entry(CreateCustomKeyStore.self), Entry(CreateGrant.self), Entry(CreateKey.self), Entry(Decrypt.self),
        Entry(DeleteAlias.self), Entry(DeleteCustomKeyStore.self), Entry(DeleteImportedKeyMaterial.self),
        Entry(DeriveSharedSecret.self), Entry(DescribeCustomKeyStores.self), Entry(DescribeKey.self),
        Entry(DisableKey.self), Entry(DisableKeyRotation.self), Entry(DisconnectCustomKeyStore.self),
        Entry(EnableKey.self), Entry(EnableKeyRotation.self), Entry(Encrypt.self),
        Entry(GenerateDataKey.self), Entry(GenerateDataKeyPair.self),
        Entry(GenerateDataKeyPairWithoutPlaintext.self), Entry(GenerateDataKeyWithoutPlaintext.self),
        Entry(GenerateMac.self), Entry(GenerateRandom.self), Entry(GetKeyLastUsage.self), Entry(GetKeyPolicy.self),
        Entry(GetKeyRotationStatus.self), Entry(GetParametersForImport.self), Entry(GetPublicKey.self),
        Entry(ImportKeyMaterial.self), Entry(ListAliases.self), Entry(ListGrants.self), Entry(ListKeyPolicies.self),
        Entry(ListKeyRotations.self), Entry(ListKeys.self), Entry(ListResourceTags.self),
        Entry(ListRetirableGrants.self), Entry(PutKeyPolicy.self), Entry(ReEncrypt.self), Entry(ReplicateKey.self),
        Entry(RetireGrant.self), Entry(RevokeGrant.self), Entry(RotateKeyOnDemand.self),
        Entry(ScheduleKeyDeletion.self), Entry(Sign.self), Entry(TagResource.self), Entry(UntagResource.self),
        Entry(UpdateAlias.self), Entry(UpdateCustomKeyStore.self), Entry(UpdateKeyDescription.self),
        Entry(UpdatePrimaryRegion.self),
        Entry(Verify.self), Entry(VerifyMac.self),
    ]

    /// By the indices of their names.
    private static let byIndex = OperationName.allCases.map { name in
        entries.first { $0.operation.description.name == name }
    }

    /// The operations that this server does.
    package static var operations: [any Operation.Type] { entries.map(\.operation) }

    /// The operation called `name`, or nil when this server does not do it.
    package static func operation(_ name: OperationName) -> (any Operation.Type)? { byIndex[name.index]?.operation }

    /// The entry of the operation called `name`.
    static func entry(_ name: OperationName) -> Entry? { byIndex[name.index] }
}

/// One call while it is being answered: who asks, when, and what will be recorded of it.
struct Call: Sendable {
    var context: RequestContext
    var record: AuditRecord
    /// Records of what the call brought about, and of what it did in another region.
    var furtherRecords: [AuditRecord] = []
    /// What the store keeps of the call's records, if it changed something.
    var kept: KeptAuditLines?

    /// All that will be recorded.
    var records: [AuditRecord] { record.copies() + furtherRecords }

    /// All that will be recorded, as lines of the log.
    var lines: [UInt8] {
        var writer = JSONWriter(capacity: AuditRecord.usualLength)
        write(linesTo: &writer)
        return writer.bytes
    }

    /// Writes what ``lines`` has.
    func write(linesTo writer: inout JSONWriter) {
        if furtherRecords.isEmpty, record.isOfOneAccount { return record.write(lineTo: &writer) }
        for record in records { record.write(lineTo: &writer) }
    }
}
