import KMSModel

/// A multi-Region key with all that it is related to, or a single-Region key by itself.
///
/// Related keys have the same identifier and material, each in its own region.
package struct KeyFamily: Sendable {
    /// Every member, in order of their regions.
    package let members: [KeySnapshot]

    init(_ members: [KeySnapshot]) { self.members = members }

    /// The member that the others are replicas of.
    package var primary: KeySnapshot? { members.first { !$0.record.isReplica } }

    /// The members that are not the primary.
    package var replicas: [KeySnapshot] { members.filter(\.record.isReplica) }
}
