package import struct Foundation.Date

/// A credential that requests can be signed with.
///
/// Its secret is encrypted under the identity domain key.
package struct AccessKeyRecord: Sendable, Equatable {
    /// The public half, such as `AKIAIOSFODNN7EXAMPLE`.
    package let id: String
    /// The account that it is of.
    package let account: AccountID
    /// The user whose access key it is; nil for the account's root user.
    package let user: UniqueID?
    /// When it was made.
    package let creationDate: Date
    /// Whether requests may be signed with it.
    package var isActive: Bool
    /// What the cryptography module wrapped; only it can open it.
    package var wrappedSecret: [UInt8]

    package init(
        id: String, account: AccountID, user: UniqueID? = nil, creationDate: Date, isActive: Bool,
        wrappedSecret: [UInt8]
    ) {
        self.id = id
        self.account = account
        self.user = user
        self.creationDate = creationDate
        self.isActive = isActive
        self.wrappedSecret = wrappedSecret
    }
}
