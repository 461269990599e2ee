import Foundation
import KMSAccess
import KMSIdentity
import KMSModel
import KMSStore
import Synchronization
import Testing

/// Whatever a request says, it is answered or refused, and what is stored is what is in memory.
struct RandomFormTests {
    /// Those that answer nothing else than that there is no such thing.
    private static let neverSucceeding: Set = ["GetLoginProfile", "DeleteLoginProfile"]

    private static let codes: Set = [
        "ValidationError", "MalformedInput", "NoSuchEntity", "EntityAlreadyExists", "DeleteConflict", "LimitExceeded",
        "InvalidInput", "MalformedPolicyDocument",
    ]

    @Test(arguments: 1...8)
    func `garbage is refused or answered by every operation`(seed: UInt64) throws {
        var account = try Account(seed: seed)
        try account.run("CreateUser", ["UserName": "a"])
        var forms = RandomForm(seed: seed)
        for operation in IdentityOperation.all {
            for _ in 0..<25 {
                let request = account.request(operation, forms.garbage())
                do throws(QueryFailure) {
                    _ = try account.attempt(operation, request)
                } catch {
                    #expect(Self.codes.contains(error.code), "\(operation.name): \(error)")
                }
            }
        }
    }

    @Test(arguments: 1...4)
    func `random requests keep the account in order`(seed: UInt64) throws {
        var account = try Account(seed: seed)
        var forms = RandomForm(seed: seed)
        var succeeded: Set<String> = []
        // More often than by chance there is something to work on, and somebody who has nothing any more.
        let creations = ["CreateUser", "CreateGroup", "CreateRole", "CreatePolicy"].compactMap(IdentityOperation.named)
        let removals = IdentityOperation.all.filter { operation in
            ["Delete", "Detach", "Remove"].contains { operation.name.hasPrefix($0) }
        }
        for step in 0..<10_000 {
            let operation = forms.pick(forms.pick([creations, removals, IdentityOperation.all, IdentityOperation.all]))
            let before = try account.identities
            let request = account.request(operation, forms.members(for: before), by: caller(&forms, before))
            do throws(QueryFailure) {
                let (_, edit) = try account.attempt(operation, request)
                succeeded.insert(operation.name)
                #expect(!operation.isReadOnly || edit.change == nil, "\(operation.name)")
                let version = before.account.version + (edit.change == nil ? 0 : 1)
                #expect(edit.identities.account.version == version, "\(operation.name)")
                #expect(throws: Never.self, "\(operation.name)") { try account.commit(edit) }
            } catch {
                #expect(Self.codes.contains(error.code), "\(operation.name): \(error)")
            }
            if step.isMultiple(of: 200) { try expectOrder(in: account) }
        }
        try expectOrder(in: account)
        // Otherwise little would have been tried.
        let missing = Set(IdentityOperation.all.map(\.name)).subtracting(succeeded).subtracting(Self.neverSucceeding)
        #expect(missing.isEmpty, "\(missing)")
    }

    private func caller(_ forms: inout RandomForm, _ identities: AccountIdentities) -> Principal {
        let ids = (identities.records(.user) + identities.records(.role)).map(\.id)
        guard !ids.isEmpty, !forms.isOne(in: 3) else { return .root(identities.account.id) }
        return identities.principal(forms.pick(ids), session: "s") ?? .root(identities.account.id)
    }

    /// Everybody is stored as they are known, names are unique, and nobody has what is gone.
    private func expectOrder(in account: Account) throws {
        let known = try account.identities
        let directory = IdentityDirectory()
        try directory.load(account.stored)
        let loaded = try #require(directory.identities(of: account.id))
        #expect(loaded.account == known.account)
        var records: [IdentityRecord] = []
        for kind in [UniqueID.Kind.user, .group, .role] {
            let ofKind = known.records(kind)
            #expect(loaded.records(kind) == ofKind)
            #expect(Set(ofKind.map { $0.name.lowercased() }).count == ofKind.count)
            #expect(ofKind.allSatisfy { known.identity(kind, named: $0.name)?.record.id == $0.id })
            records += ofKind
        }
        #expect(loaded.policyRecords == known.policyRecords)
        for record in records {
            #expect(
                (record.attachedPolicies + [record.boundary].compactMap(\.self)).allSatisfy { known.policy($0) != nil })
            #expect(record.groups.allSatisfy { known.identity($0)?.record.id.kind == .group })
            #expect(Set(record.attachedPolicies).count == record.attachedPolicies.count)
            #expect(Set(record.groups).count == record.groups.count)
            #expect(Set(record.inlinePolicies.map(\.name)).count == record.inlinePolicies.count)
            #expect(Set(record.tags.map { $0.key.lowercased() }).count == record.tags.count)
            #expect((record.role == nil) == (record.id.kind != .role))
        }
        for key in account.stored.accessKeys {
            #expect(known.accessKey(key.id) == key && loaded.accessKey(key.id) == key)
            #expect(key.user == nil || key.user.flatMap { known.identity($0) } != nil)
        }
        for policy in known.policyRecords {
            #expect(policy.versions.contains { $0.number == policy.defaultVersion })
            #expect((1...5).contains(policy.versions.count))
            #expect(policy.versions.map(\.number) == policy.versions.map(\.number).sorted())
        }
    }
}
