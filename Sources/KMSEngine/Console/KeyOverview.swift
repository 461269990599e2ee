package import Foundation
package import KMSModel

/// What a list of keys shows of one, as far as the caller may know it.
package struct KeyOverview: Sendable {
    /// The key.
    package let keyID: KeyID
    /// What DescribeKey would tell; nil for a key that the caller may not describe.
    package let details: Details?
    /// The names of the key, in order; none where the caller may not list aliases.
    package let aliases: [String]
    /// Nil for a key whose tags the caller may not list.
    package let tags: [Tag]?
    /// What quotas count; nil where it was not asked for.
    package let quotaUse: QuotaUse?

    /// A part of a key's metadata.
    package struct Details: Sendable {
        /// The state at the time of the request.
        package let state: KeyState
        /// What kind of key it is.
        package let spec: KeySpec
        /// What it is for.
        package let usage: KeyUsage
        /// Where its material is from.
        package let origin: KeyOrigin
        /// Who administers it.
        package let manager: KeyManager
        /// Whether it can have replicas in other regions.
        package let isMultiRegion: Bool
        /// When it was made.
        package let creationDate: Date
        /// What was written about it.
        package let description: String

        package init(
            state: KeyState, spec: KeySpec, usage: KeyUsage, origin: KeyOrigin, manager: KeyManager,
            isMultiRegion: Bool, creationDate: Date, description: String
        ) {
            self.state = state
            self.spec = spec
            self.usage = usage
            self.origin = origin
            self.manager = manager
            self.isMultiRegion = isMultiRegion
            self.creationDate = creationDate
            self.description = description
        }
    }

    /// What a key has of things that are limited, each nil where the caller may not look at them.
    package struct QuotaUse: Sendable {
        /// How many grants ListGrants would tell of.
        package let grants: Int?
        /// The bytes of the policy that GetKeyPolicy would answer, as it was stored.
        package let policySize: Int?
        /// How many of the rotations that ListKeyRotations would tell of were asked for.
        package let rotationsOnDemand: Int?

        package init(grants: Int?, policySize: Int?, rotationsOnDemand: Int?) {
            self.grants = grants
            self.policySize = policySize
            self.rotationsOnDemand = rotationsOnDemand
        }
    }

    /// - Parameter quotaUse: Nil where it was not asked for.
    package init(keyID: KeyID, details: Details?, aliases: [String], tags: [Tag]?, quotaUse: QuotaUse? = nil) {
        self.keyID = keyID
        self.details = details
        self.aliases = aliases
        self.tags = tags
        self.quotaUse = quotaUse
    }
}
