package import Foundation
package import KMSAccess
import KMSIdentity
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

    package init(keyID: KeyID, details: Details?, aliases: [String], tags: [Tag]?) {
        self.keyID = keyID
        self.details = details
        self.aliases = aliases
        self.tags = tags
    }
}

extension Pipeline {
    /// How many keys are looked at before others get their turn.
    private static let pieceOfKeys = 500

    /// The keys of the caller's account and region, to search and sort them: each as DescribeKey and ListResourceTags would
    /// answer, decided in the same way.
    ///
    /// Nothing is recorded: whoever shows a key calls those operations for it. That the caller may list keys at all has to be
    /// known before.
    ///
    /// - Parameters:
    ///   - withAliases: Whether the caller may list aliases.
    ///   - isWanted: Asked about each key, whether it is returned.
    package func keyOverviews(
        for caller: Caller, from client: Client, withAliases: Bool, where isWanted: (KeyOverview) -> Bool
    ) async -> [KeyOverview] {
        var context = context(of: caller, from: client, at: clock.now)
        var overviews: [KeyOverview] = []
        var last: KeyID?
        while true {
            let ids = directory.keyIDs(in: context.realm, after: last, limit: Self.pieceOfKeys)
            guard let end = ids.last else { return overviews }
            for id in ids {
                let overview = overview(of: id, withAliases, in: &context)
                if isWanted(overview) { overviews.append(overview) }
            }
            last = end
            await Task.yield()
        }
    }

    private func overview(
        of id: KeyID, _ withAliases: Bool, in context: inout RequestContext
    ) -> KeyOverview {
        guard let key = directory.key(KeyARN(realm: context.realm, keyID: id))?.at(context.now) else {
            return KeyOverview(keyID: id, details: nil, aliases: [], tags: nil)
        }
        let aliases = withAliases ? directory.aliases(in: context.realm, of: key.arn, after: nil, limit: .max) : []
        context.body = JSONObject(["KeyId": .string(id.description)])
        let record = key.record
        let details = KeyOverview.Details(
            state: record.state, spec: record.spec, usage: record.usage, origin: record.origin,
            manager: record.manager, isMultiRegion: record.isMultiRegion, creationDate: record.creationDate,
            description: record.description)
        return KeyOverview(
            keyID: id, details: permits(DescribeKey.description, on: key, in: context) ? details : nil,
            aliases: aliases.map(\.arn.name.description),
            tags: permits(ListResourceTags.description, on: key, in: context) ? record.tags : nil)
    }

    private func permits(
        _ operation: OperationDescription, on key: KeySnapshot, in context: RequestContext
    ) -> Bool {
        let access = Access(operation.action, on: .key(key, checksState: false))
        return (try? authorizer.permit(key, [access], for: operation, in: context)) != nil
    }
}
