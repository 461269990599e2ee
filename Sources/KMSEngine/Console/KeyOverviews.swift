package import KMSAccess
package import KMSModel
import KMSStore
import Synchronization

/// All keys of one account and region, in the order of their identifiers, as one caller may see them.
///
/// Each is looked at when it is asked for: with many keys that takes long enough to need a thread of its own.
package struct KeyOverviews: Sequence, Sendable {
    fileprivate let pipeline: Pipeline
    fileprivate let context: RequestContext
    fileprivate let withAliases: Bool
    fileprivate let withQuotaUse: Bool
    fileprivate let failure = Failure()

    /// Why there is not all of it: who goes through a sequence is not told.
    fileprivate final class Failure: Sendable {
        let error = Mutex<StoreError?>(nil)
    }

    /// Begins at the first key, as the keys are then.
    package func makeIterator() -> Iterator { Iterator(self) }

    /// Goes through the keys; those that are made meanwhile may be left out.
    package struct Iterator: IteratorProtocol {
        /// How many identifiers are looked up at once.
        private static let pieceOfKeys = 500

        private let overviews: KeyOverviews
        private var context: RequestContext
        private var ids: ArraySlice<KeyID> = []
        private var last: KeyID?

        fileprivate init(_ overviews: KeyOverviews) {
            self.overviews = overviews
            context = overviews.context
        }

        /// The key behind the one before, looked at now.
        package mutating func next() -> KeyOverview? {
            if ids.isEmpty {
                ids = overviews.keyIDs(after: last, limit: Self.pieceOfKeys)[...]
                if let end = ids.last { last = end }
            }
            return ids.popFirst().map { overviews.overview(of: $0, in: &context) }
        }
    }

    /// At most `limit` key identifiers behind `last`, whose keys are in memory then; it may wait for the store.
    private func keyIDs(after last: KeyID?, limit: Int) -> [KeyID] {
        let realm = context.realm
        guard let residency = pipeline.shared?.residency else {
            return pipeline.directory.withIndex { $0.keyIDs(in: realm, after: last, limit: limit) } ?? []
        }
        return Blocking.wait { [catalog = pipeline.catalog, failure] in
            do throws(StoreError) {
                let ids = try await catalog.keyIDs(in: realm, after: last, limit: limit)
                try await residency.loadUndamaged(ids)
                return ids
            } catch {
                failure.error.withLock { $0 = error }
                return []
            }
        }
    }

    private func overview(of id: KeyID, in context: inout RequestContext) -> KeyOverview {
        guard let key = context.directory.key(KeyARN(realm: context.realm, keyID: id))?.at(context.now) else {
            return KeyOverview(keyID: id, details: nil, aliases: [], tags: nil)
        }
        let aliases =
            withAliases ? context.directory.aliases(of: key.arn) : []
        context.body = JSONObject(["KeyId": .string(id.description)])
        let record = key.record
        let details = KeyOverview.Details(
            state: context.keyStores.state(of: key), spec: record.spec, usage: record.usage, origin: record.origin,
            manager: record.manager, isMultiRegion: record.isMultiRegion, creationDate: record.creationDate,
            description: record.description)
        return KeyOverview(
            keyID: id, details: permits(DescribeKey.description, on: key, in: context) ? details : nil,
            aliases: aliases.map(\.arn.name.description),
            tags: permits(ListResourceTags.description, on: key, in: context) ? record.tags : nil,
            quotaUse: withQuotaUse ? quotaUse(of: key, in: context) : nil)
    }

    private func quotaUse(of key: KeySnapshot, in context: RequestContext) -> KeyOverview.QuotaUse {
        KeyOverview.QuotaUse(
            grants: permits(ListGrants.description, on: key, in: context)
                ? context.directory.grants.count(on: key.arn) : nil,
            policySize: permits(GetKeyPolicy.description, on: key, in: context) ? key.record.policy.utf8.count : nil,
            rotationsOnDemand: permits(ListKeyRotations.description, on: key, in: context)
                ? key.materials.count { $0.wasRotatedOnDemand } : nil)
    }

    private func permits(
        _ operation: OperationDescription, on key: KeySnapshot, in context: RequestContext
    ) -> Bool {
        let access = Access(operation.action, on: .key(key, checksState: false))
        return (try? pipeline.authorizer.permit(key, [access], for: operation, in: context)) != nil
    }
}

extension Pipeline {
    /// Makes something of all keys of the caller's account and region: each as DescribeKey and ListResourceTags would answer,
    /// decided in the same way.
    ///
    /// Nothing is recorded: whoever shows a key calls those operations for it. That the caller may list keys at all has to be
    /// known before.
    ///
    /// - Parameters:
    ///   - withAliases: Whether the caller may list aliases.
    ///   - withQuotaUse: Whether it is also counted what each key has of things that are limited.
    ///   - summarize: What is made of the keys; on a thread of its own, where it may take long.
    /// - Throws: ``KMSError``: `ThrottlingException` when too many others of the account wait for theirs,
    ///   `DependencyTimeoutException` when the server shuts down, or the store does not answer.
    package func summary<Summary: Sendable>(
        ofKeysSeenBy caller: Caller, from client: Client, withAliases: Bool, withQuotaUse: Bool = false,
        _ summarize: @escaping @Sendable (KeyOverviews) -> Summary
    ) async throws(KMSError) -> Summary {
        try checkMemory()
        let overviews = KeyOverviews(
            pipeline: self, context: context(of: caller, from: client, at: clock.now), withAliases: withAliases,
            withQuotaUse: withQuotaUse)
        let summary = try await slowWork.listing.result(for: caller.principal.account) { summarize(overviews) }.get()
        // A list that broke off looks like a whole one.
        if let error = overviews.failure.error.withLock({ $0 }) { throw KMSError(error) }
        return summary
    }
}

extension Residency {
    /// Brings keys into memory, except those that the store has damaged: who looks at one of them alone is told.
    fileprivate func loadUndamaged(_ ids: [KeyID]) async throws(StoreError) {
        do throws(StoreError) {
            try await load(ids)
        } catch .corrupt {
            for id in ids { do throws(StoreError) { try await load([id]) } catch .corrupt {} }
        }
    }
}
