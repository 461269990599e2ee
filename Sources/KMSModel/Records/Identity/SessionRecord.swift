package import struct Foundation.Date

/// What temporary credentials stand for: what a session token has inside.
///
/// Source: STS API Reference, AssumeRole and GetSessionToken.
package struct SessionRecord: Sendable, Equatable, Codable {
    /// The account that it is of.
    package let account: AccountID
    /// The user or role whose session it is; nil for the account's root user.
    package let identity: UniqueID?
    /// What the session of a role was called; nil for a user's.
    package let name: String?
    /// When it began.
    package let issueDate: Date
    /// When it ends.
    package let expiry: Date
    /// The documents that narrow it, in order; nil when it was begun without any.
    package var policies: [String]?
    /// Managed policies that narrow it as they are when a request is decided.
    package var managedPolicies: [UniqueID] = []
    /// Tags that it was begun with, or that came with the session that began it.
    package var tags: [IdentityTag] = []
    /// The keys of the tags that go on to sessions begun from this one.
    package var transitiveTagKeys: [String] = []
    /// Who is behind the session, as whoever began it says.
    package var sourceIdentity: String?

    package init(
        account: AccountID, identity: UniqueID?, name: String?, issueDate: Date, expiry: Date
    ) {
        self.account = account
        self.identity = identity
        self.name = name
        self.issueDate = issueDate
        self.expiry = expiry
    }

    /// Reads what is sealed in a session token.
    ///
    /// - Throws: `DecodingError` for any other bytes.
    package init(encoded bytes: [UInt8]) throws { self = try RecordJSON.record(in: bytes) }

    /// What is sealed in a session token.
    ///
    /// - Throws: `EncodingError`, for a date that JSON has no number for.
    package func encoded() throws -> [UInt8] { try RecordJSON.bytes(of: self) }
}
