import KMSAccess
package import KMSModel
package import KMSStore

/// A change of one account's users, groups, roles, policies and access keys while it is made.
///
/// It works on a copy, and remembers what has to be stored. The account's version makes changes exclude each other, so a
/// change never rests on somebody who was deleted meanwhile.
package struct IdentityEdit: Sendable {
    /// Everybody, as they are after what was done so far.
    package private(set) var identities: AccountIdentities
    private var mutations: [Mutation] = []

    package init(_ identities: AccountIdentities) { self.identities = identities }

    /// What has to be stored; nil when nothing has changed.
    package var change: Change? {
        guard !mutations.isEmpty else { return nil }
        let account = identities.account
        return Change(mutations + [.updateAccount(account, expecting: account.version - 1)])
    }

    /// Adds a user, group or role, or replaces it.
    ///
    /// - Throws: ``QueryFailure`` with `MalformedPolicyDocument`.
    mutating func put(_ record: IdentityRecord) throws(QueryFailure) {
        let identity: Identity
        do throws(PolicyFailure) {
            identity = try Identity(record, of: identities.account)
        } catch {
            throw QueryFailure(error)
        }
        let account = identities.account.id
        try note { () throws in .putIdentity(try StoredIdentity(record, of: account)) }
        identities.put(identity)
    }

    /// Adds a managed policy, or replaces it.
    ///
    /// - Throws: ``QueryFailure`` with `MalformedPolicyDocument`.
    mutating func put(_ record: ManagedPolicyRecord) throws(QueryFailure) {
        let policy: ManagedPolicy
        do throws(PolicyFailure) {
            policy = try ManagedPolicy(record, of: identities.account)
        } catch {
            throw QueryFailure(error)
        }
        let account = identities.account.id
        try note { () throws in .putIdentity(try StoredIdentity(record, of: account)) }
        identities.put(policy)
    }

    mutating func delete(_ id: UniqueID) {
        begin()
        mutations.append(.deleteIdentity(identities.account.id, id))
        identities.remove(id)
    }

    /// Adds an access key, or replaces the one of this identifier.
    package mutating func put(_ accessKey: AccessKeyRecord, replacing isKnown: Bool) {
        begin()
        mutations.append(isKnown ? .updateAccessKey(accessKey) : .insertAccessKey(accessKey))
        identities.put(accessKey)
    }

    mutating func deleteAccessKey(_ id: String) {
        begin()
        mutations.append(.deleteAccessKey(identities.account.id, id))
        identities.removeAccessKey(id)
    }

    private mutating func note(_ mutation: () throws -> Mutation) throws(QueryFailure) {
        do {
            let mutation = try mutation()
            begin()
            mutations.append(mutation)
        } catch {
            throw .unavailable
        }
    }

    /// The first step of a change gives the account its next version.
    private mutating func begin() {
        if mutations.isEmpty { identities.account.version += 1 }
    }
}
