package import Foundation
package import KMSAccess
package import KMSModel
package import KMSStore
import Synchronization

/// Every account of this server and everybody in it, in memory.
///
/// Requests are authenticated and authorized from nothing else. Readers take an immutable snapshot of an account under a
/// lock that is held for one look-up; a committed change replaces it.
package final class IdentityDirectory: CredentialSource, PrincipalDirectory, Sendable {
    private struct Contents {
        var accounts: [AccountID: AccountSnapshot] = [:]
        /// The account of each access key, and what a signature is checked with if the key is active and its user still there.
        var accessKeys: [String: (account: AccountID, credential: Credential?)] = [:]
        /// The account of each user and role.
        var owners: [UniqueID: AccountID] = [:]

        mutating func remove(_ account: AccountID) {
            guard let present = accounts.removeValue(forKey: account)?.identities else { return }
            for key in present.accessKeyIDs { accessKeys[key] = nil }
            for id in present.principalIDs { owners[id] = nil }
        }
    }

    private let contents = Mutex(Contents())
    private let uses = Mutex<[String: AccessKeyUse]>([:])
    /// How much later a use has to be than the one that is known, in seconds.
    private static let useGranularity = 60.0

    package init() {}

    // MARK: Reading

    /// Everybody in `account`.
    package func identities(of account: AccountID) -> AccountIdentities? { snapshot(of: account)?.identities }

    /// The accounts, in order.
    package var accounts: [AccountID] { contents.withLock { $0.accounts.keys.sorted() } }

    /// The access key of this identifier, active or not.
    package func accessKey(_ id: String) -> AccessKeyRecord? {
        snapshot(ofAccessKey: id)?.identities.accessKey(id)
    }

    /// What the caller's account says of the caller.
    package func policies(of caller: Caller) -> CallerPolicies {
        guard let id = caller.principal.id else { return .root }
        return snapshot(of: caller.principal.account)?.policies(of: id, in: caller.session) ?? .none
    }

    /// The caller's tag whose key in lower case is `name`: one of the session, or else one of the user or role.
    package func tag(_ name: String, of caller: Caller) -> String? {
        func value(in tags: [IdentityTag]?) -> String? { tags?.first { $0.key.isSame(asFolded: name) }?.value }
        if let value = value(in: caller.session?.record.tags) { return value }
        return caller.principal.id.flatMap { id in
            value(in: snapshot(of: caller.principal.account)?.identities.identity(id)?.record.tags)
        }
    }

    private func snapshot(ofAccessKey id: String) -> AccountSnapshot? {
        contents.withLock { contents in contents.accessKeys[id].flatMap { contents.accounts[$0.account] } }
    }

    private func snapshot(of account: AccountID) -> AccountSnapshot? {
        contents.withLock { $0.accounts[account] }
    }

    // MARK: CredentialSource

    package func partition(of account: AccountID) -> Partition? { snapshot(of: account)?.identities.account.partition }

    package func credential(_ accessKeyID: String) -> Credential? {
        contents.withLock { $0.accessKeys[accessKeyID]?.credential }
    }

    package func principal(of session: SessionRecord) -> Principal? {
        guard let snapshot = snapshot(of: session.account) else { return nil }
        guard let id = session.identity else { return .root(session.account) }
        return snapshot.identities.principal(id, session: session.name ?? "")
    }

    package func noteUse(of accessKeyID: String, for service: String, in region: Region, at date: Date) {
        uses.withLock { uses in
            if let known = uses[accessKeyID], date.timeIntervalSince(known.date) < Self.useGranularity { return }
            uses[accessKeyID] = AccessKeyUse(date: date, service: service, region: region.description)
        }
    }

    /// When the access key last signed a request since the server started.
    package func use(of accessKeyID: String) -> AccessKeyUse? { uses.withLock { $0[accessKeyID] } }

    // MARK: PrincipalDirectory

    package func hosts(_ account: AccountID) -> Bool { snapshot(of: account) != nil }

    package func userID(_ account: AccountID, path: String, name: String) -> UniqueID? {
        let record = snapshot(of: account)?.identities.identity(.user, named: name)?.record
        return record?.name == name && record?.path == path ? record?.id : nil
    }

    package func roleID(_ account: AccountID, path: String?, name: String) -> UniqueID? {
        let record = snapshot(of: account)?.identities.identity(.role, named: name)?.record
        guard record?.name == name, path == nil || record?.path == path else { return nil }
        return record?.id
    }

    package func principal(_ id: UniqueID) -> Principal? {
        guard let account = contents.withLock({ $0.owners[id] }) else { return nil }
        return snapshot(of: account)?.identities.principal(id)
    }

    // MARK: Publishing

    /// Puts everybody of an account in the place of those who were there.
    package func publish(_ identities: AccountIdentities) {
        let snapshot = AccountSnapshot(identities)
        let credentials = identities.accessKeyIDs.map { ($0, identities.credential($0)) }
        contents.withLock { contents in
            let account = identities.account.id
            let present = contents.accounts[account]?.identities
            if let present, present.account.version > identities.account.version { return }
            contents.remove(account)
            contents.accounts[account] = snapshot
            for (key, credential) in credentials { contents.accessKeys[key] = (account, credential) }
            for id in identities.principalIDs { contents.owners[id] = account }
        }
    }

    /// Forgets an account and everybody in it.
    package func withdraw(_ account: AccountID) { contents.withLock { $0.remove(account) } }

    /// Puts what the store holds into memory, at start.
    ///
    /// - Throws: ``StoreError/corrupt(_:)`` for a record that is not what it should be.
    package func load(_ contents: StoreContents) throws(StoreError) {
        var accounts: [AccountID: AccountIdentities] = [:]
        for account in contents.accounts { accounts[account.id] = AccountIdentities(account) }
        for stored in contents.identities {
            guard accounts[stored.account] != nil else { throw .corrupt("the account of \(stored.id)") }
            do {
                try accounts[stored.account]?.take(stored)
            } catch {
                throw .corrupt("the record of \(stored.id)")
            }
        }
        for accessKey in contents.accessKeys {
            guard accounts[accessKey.account] != nil else { throw .corrupt("the account of \(accessKey.id)") }
            accounts[accessKey.account]?.put(accessKey)
        }
        accounts.values.forEach(publish)
    }
}

extension AccountIdentities {
    /// What a signature by this access key is checked with, if the key is active and its user still there.
    fileprivate func credential(_ accessKeyID: String) -> Credential? {
        guard let record = accessKey(accessKeyID), record.isActive,
            let principal = record.user.map({ principal($0) }) ?? .root(record.account)
        else { return nil }
        return Credential(
            accessKeyID: accessKeyID, principal: principal, in: account.partition,
            secret: .wrapped(record.wrappedSecret))
    }

    /// What a stored record can have wrong beside its form.
    private struct Mismatch: Error {}

    /// Adds what the store holds.
    ///
    /// - Throws: For a record that is not what its row says, or whose name is taken.
    fileprivate mutating func take(_ stored: StoredIdentity) throws {
        let (id, name): (UniqueID, String)
        if stored.id.kind == .policy {
            let record = try stored.policy()
            guard policy(named: record.name) == nil else { throw Mismatch() }
            (id, name) = (record.id, record.foldedName)
            put(try ManagedPolicy(record, of: account))
        } else {
            let record = try stored.identity()
            guard identity(record.id.kind, named: record.name) == nil else { throw Mismatch() }
            (id, name) = (record.id, record.foldedName)
            put(try Identity(record, of: account))
        }
        guard id == stored.id, name == stored.foldedName else { throw Mismatch() }
    }
}

/// Everybody in an account, and what was made ready for their requests.
private final class AccountSnapshot: Sendable {
    let identities: AccountIdentities
    /// What the account says of those who have asked since the last change, without any session.
    private let prepared = Mutex<[UniqueID: Policies]>([:])

    private typealias Policies = (identity: [IdentityPolicy], boundary: IdentityPolicy?)

    init(_ identities: AccountIdentities) { self.identities = identities }

    func policies(of id: UniqueID, in session: Session?) -> CallerPolicies? {
        let known = prepared.withLock { prepared -> Policies? in
            if let known = prepared[id] { return known }
            guard let made = identities.policies(of: id) else { return nil }
            prepared[id] = made
            return made
        }
        guard let known else { return nil }
        return CallerPolicies(identity: known.identity, boundary: known.boundary, session: narrowing(session))
    }

    /// The policies that a session was begun with; nil for one that was begun without.
    private func narrowing(_ session: Session?) -> [IdentityPolicy]? {
        guard let session, session.policies != nil || !session.record.managedPolicies.isEmpty else { return nil }
        // A managed policy that is gone allows nothing.
        let managed = session.record.managedPolicies.compactMap { identities.policy($0)?.policy }
        return (session.policies ?? []) + managed
    }
}
