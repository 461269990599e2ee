package import struct Foundation.Date

/// An account that this server hosts.
package struct AccountRecord: Sendable, Equatable {
    /// Twelve digits.
    package let id: AccountID
    /// Where it is: its users and roles have ARNs of this partition, and its credentials work in regions of no other.
    package let partition: Partition
    /// When it was made.
    package let creationDate: Date
    /// Grows by one with each change of the account's users, groups, roles, policies and access keys; the store refuses a
    /// change that was made from an older version.
    package var version: Int64

    package init(id: AccountID, partition: Partition = .aws, creationDate: Date, version: Int64 = 1) {
        self.id = id
        self.partition = partition
        self.creationDate = creationDate
        self.version = version
    }
}
