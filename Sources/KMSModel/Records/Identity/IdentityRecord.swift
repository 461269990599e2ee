package import struct Foundation.Date

/// A user, a group or a role, with all that belongs to it but access keys: one record, because it changes as one.
///
/// Source: IAM API Reference, data types `User`, `Group`, `Role`.
package struct IdentityRecord: Sendable, Equatable, Codable {
    /// What stays the same for life; it tells whether this is a user, a group or a role.
    package let id: UniqueID
    /// Begins and ends with a slash.
    package var path: String
    /// Unique among its kind in an account, without regard to case.
    package var name: String
    /// When it was made.
    package let creationDate: Date
    /// In the order in which the tags were first set; groups have none.
    package var tags: [IdentityTag] = []
    /// The policies that exist only in this record, in the order of their names.
    package var inlinePolicies: [InlinePolicy] = []
    /// The managed policies that are attached, in the order in which they were.
    package var attachedPolicies: [UniqueID] = []
    /// The managed policy that limits a user or role.
    package var boundary: UniqueID?
    /// The groups that a user is in.
    package var groups: [UniqueID] = []
    /// What only roles have.
    package var role: RoleDetails?

    package init(id: UniqueID, path: String, name: String, creationDate: Date) {
        self.id = id
        self.path = path
        self.name = name
        self.creationDate = creationDate
    }

    /// The name in lower case, which names it among its kind.
    package var foldedName: String { name.lowercased() }

    /// What only a role has.
    package struct RoleDetails: Sendable, Equatable, Codable {
        /// Who may assume the role; users and roles stand in it by their unique identifiers.
        package var trustPolicy: String
        package var description: String?
        /// How long a session may last, in seconds.
        package var maxSessionDuration: Int

        package init(
            trustPolicy: String, description: String?, maxSessionDuration: Int
        ) {
            self.trustPolicy = trustPolicy
            self.description = description
            self.maxSessionDuration = maxSessionDuration
        }
    }
}

/// A policy that belongs to one user, group or role.
package struct InlinePolicy: Sendable, Equatable, Codable {
    /// Unique in its owner.
    package let name: String
    /// The document, as it was given.
    package var document: String

    package init(name: String, document: String) {
        self.name = name
        self.document = document
    }
}

/// A label on a user, a role or a managed policy; its keys differ by more than the case of ASCII letters.
package struct IdentityTag: Sendable, Equatable, Codable {
    /// Unique on its owner, without regard to the case of ASCII letters.
    package let key: String
    /// The text behind the label; it may be empty.
    package var value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// A policy that can be attached to any number of users, groups and roles.
///
/// Source: IAM API Reference, data type `Policy`.
package struct ManagedPolicyRecord: Sendable, Equatable, Codable {
    /// What stays the same for life.
    package let id: UniqueID
    /// Begins and ends with a slash.
    package let path: String
    /// Unique among the policies of an account, without regard to case.
    package let name: String
    package let description: String?
    /// When it was made.
    package let creationDate: Date
    /// When its versions or its default last changed.
    package var updateDate: Date
    /// At least one, oldest first.
    package var versions: [Version]
    /// The number of the version that is in force.
    package var defaultVersion: Int
    /// The number given last; a number is never given again.
    package var lastVersion: Int
    /// In the order in which the tags were first set.
    package var tags: [IdentityTag]

    /// A policy in its first version.
    package init(
        id: UniqueID, path: String, name: String, description: String?, document: String, tags: [IdentityTag],
        creationDate: Date
    ) {
        self.id = id
        self.path = path
        self.name = name
        self.description = description
        self.creationDate = creationDate
        self.tags = tags
        updateDate = creationDate
        versions = [Version(number: 1, document: document, creationDate: creationDate)]
        defaultVersion = 1
        lastVersion = 1
    }

    /// The name in lower case, which names it among the account's policies.
    package var foldedName: String { name.lowercased() }

    /// One text that the policy has or had.
    package struct Version: Sendable, Equatable, Codable {
        /// From 1.
        package let number: Int
        /// The document, as it was given.
        package let document: String
        /// When it was made.
        package let creationDate: Date

        package init(number: Int, document: String, creationDate: Date) {
            self.number = number
            self.document = document
            self.creationDate = creationDate
        }

        /// The number as the API writes it, such as `v1`.
        package var name: String { "v\(number)" }
    }
}
