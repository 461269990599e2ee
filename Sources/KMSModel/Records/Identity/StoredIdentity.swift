/// A user, group, role or managed policy as a store keeps it: whose it is, and one document.
///
/// No store looks into the document.
package struct StoredIdentity: Sendable, Equatable {
    /// Whose it is.
    package let account: AccountID
    /// Unique in the account; it tells what it is.
    package let id: UniqueID
    /// The name in lower case: no two of a kind in an account have the same.
    package let foldedName: String
    /// JSON.
    package let document: [UInt8]

    package init(account: AccountID, id: UniqueID, foldedName: String, document: [UInt8]) {
        self.account = account
        self.id = id
        self.foldedName = foldedName
        self.document = document
    }

    /// - Throws: `EncodingError`, for a date that JSON has no number for.
    package init(_ identity: IdentityRecord, of account: AccountID) throws {
        self.init(
            account: account, id: identity.id, foldedName: identity.foldedName,
            document: try RecordJSON.bytes(of: identity))
    }

    /// - Throws: `EncodingError`, for a date that JSON has no number for.
    package init(_ policy: ManagedPolicyRecord, of account: AccountID) throws {
        self.init(
            account: account, id: policy.id, foldedName: policy.foldedName,
            document: try RecordJSON.bytes(of: policy))
    }

    /// The user, group or role in the document.
    ///
    /// - Throws: `DecodingError` when it is not one.
    package func identity() throws -> IdentityRecord {
        try RecordJSON.record(in: document)
    }

    /// The managed policy in the document.
    ///
    /// - Throws: `DecodingError` when it is not one.
    package func policy() throws -> ManagedPolicyRecord {
        try RecordJSON.record(in: document)
    }
}
