import KMSAccess
import KMSIdentity
import KMSModel
import KMSStore
import Testing

struct IdentityEditTests {
    private func accessKey(_ id: String, in account: Account, isActive: Bool = true) -> AccessKeyRecord {
        AccessKeyRecord(
            id: id, account: account.id, creationDate: Account.time, isActive: isActive, wrappedSecret: [1])
    }

    @Test func `an edit without a step is no change`() throws {
        let identities = try Account().identities
        let edit = IdentityEdit(identities)
        #expect(edit.change == nil)
        #expect(edit.identities.account == identities.account)
    }

    @Test func `however many steps it has, a change gives the account one version`() throws {
        let account = try Account()
        var edit = IdentityEdit(try account.identities)
        edit.put(accessKey("AKIA1", in: account), replacing: false)
        edit.put(accessKey("AKIA2", in: account), replacing: false)
        edit.put(accessKey("AKIA1", in: account, isActive: false), replacing: true)
        let next = AccountRecord(id: account.id, creationDate: Account.time, version: 2)
        #expect(
            edit.change
                == Change([
                    .insertAccessKey(accessKey("AKIA1", in: account)),
                    .insertAccessKey(accessKey("AKIA2", in: account)),
                    .updateAccessKey(accessKey("AKIA1", in: account, isActive: false)),
                    .updateAccount(next, expecting: 1),
                ]))
        #expect(edit.identities.account == next)
        #expect(edit.identities.accessKey("AKIA1")?.isActive == false)
    }

    @Test func `an edit changes a copy`() throws {
        let account = try Account()
        let before = try account.identities
        var edit = IdentityEdit(before)
        edit.put(accessKey("AKIA1", in: account), replacing: false)
        #expect(before.accessKey("AKIA1") == nil)
        #expect(try account.identities.accessKey("AKIA1") == nil)
        #expect(before.account.version == 1)
    }

    @Test func `each operation that changes something is one change, and one that does not is none`() throws {
        var account = try Account()
        func version() throws -> Int64 { try account.identities.account.version }
        try account.run("CreateUser", ["UserName": "ana"])
        try account.run("CreateGroup", ["GroupName": "team"])
        #expect(try version() == 3)
        for _ in 0..<2 {
            try account.run("AddUserToGroup", ["UserName": "ana", "GroupName": "team"])
            #expect(try version() == 4)
        }
        for name in ["GetUser", "ListGroupsForUser", "ListUserTags", "ListAccessKeys"] {
            try account.run(name, ["UserName": "ana"])
        }
        #expect(try version() == 4)
    }

    @Test func `a refused operation changes nothing`() throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "ana"])
        let operation = try #require(IdentityOperation.named("PutUserPolicy"))
        var edit = IdentityEdit(try account.identities)
        for document in ["", "{}", #"{"Statement":{"Effect":"Allow","Action":"x","Resource":"*"}}"#] {
            let members = ["UserName": "ana", "PolicyName": "p", "PolicyDocument": document]
            #expect(throws: QueryFailure.self) { try operation.perform(account.request(operation, members), &edit) }
        }
        #expect(edit.change == nil)
        #expect(try account.identity(.user, "ana").inlinePolicies.isEmpty)
    }

    @Test func `what is stored reads as what was made`() throws {
        var account = try Account()
        try account.run("CreatePolicy", ["PolicyName": "p", "PolicyDocument": Account.document, "Path": "/a/"])
        try account.run(
            "CreateUser",
            [
                "UserName": "Ana", "Tags.member.1.Key": "k", "Tags.member.1.Value": "v",
                "PermissionsBoundary": "arn:aws:iam::111122223333:policy/a/p",
            ])
        try account.run(
            "PutUserPolicy", ["UserName": "ana", "PolicyName": "i", "PolicyDocument": Account.document])
        let user = try account.identity(.user, "ana")
        let stored = try #require(account.stored.identities.first { $0.id == user.id })
        #expect(stored.foldedName == "ana")
        #expect(stored.account == account.id)
        #expect(try stored.identity() == user)
        #expect(user.name == "Ana")
        #expect(user.tags == [IdentityTag(key: "k", value: "v")])
        #expect(user.inlinePolicies == [InlinePolicy(name: "i", document: Account.document)])
        let policy = try #require(try account.identities.policy(named: "P")).record
        #expect(user.boundary == policy.id)
        #expect(try account.stored.identities.first { $0.id == policy.id }?.policy() == policy)
    }
}
