import Foundation
import KMSAccess
import KMSIdentity
import KMSModel
import KMSStore
import Testing

struct AccountIdentitiesTests {
    /// An account with a user who has everything that a user can have.
    private func populated() throws -> Account {
        var account = try Account()
        try account.run("CreatePolicy", ["PolicyName": "p", "PolicyDocument": Account.document])
        let arn = "arn:aws:iam::111122223333:policy/p"
        try account.run(
            "CreateUser",
            ["UserName": "ana", "Tags.member.1.Key": "team", "Tags.member.1.Value": "a", "PermissionsBoundary": arn])
        try account.run("CreateGroup", ["GroupName": "team"])
        try account.run("AddUserToGroup", ["UserName": "ana", "GroupName": "team"])
        try account.run("AttachUserPolicy", ["UserName": "ana", "PolicyArn": arn])
        try account.run(
            "PutUserPolicy", ["UserName": "ana", "PolicyName": "i", "PolicyDocument": Account.document])
        try account.run("CreateAccessKey", ["UserName": "ana"])
        return account
    }

    @Test func `a user that is renamed is the same user`() throws {
        var account = try populated()
        var expected = try account.identity(.user, "ana")
        try account.run("UpdateUser", ["UserName": "ana", "NewUserName": "Ben", "NewPath": "/b/"])
        (expected.name, expected.path) = ("Ben", "/b/")
        #expect(try account.identity(.user, "ben") == expected)
        let identities = try account.identities
        #expect(identities.identity(.user, named: "ana") == nil)
        #expect(identities.accessKeys(of: expected.id).count == 1)
        #expect(identities.groups(of: expected).map(\.record.name) == ["team"])
        let arn = "arn:aws:iam::111122223333:user/b/Ben"
        #expect(identities.identity(expected.id)?.arn == arn)
        #expect(identities.principal(expected.id)?.arn(in: .aws) == arn)
    }

    @Test func `the old name of who was renamed is free`() throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "ana"])
        let ana = try account.identity(.user, "ana").id
        try account.run("UpdateUser", ["UserName": "ana", "NewUserName": "ben"])
        try account.run("CreateUser", ["UserName": "ana"])
        #expect(try account.identity(.user, "ben").id == ana)
        #expect(try account.identity(.user, "ana").id != ana)
        #expect(
            try account.failure(of: "UpdateUser", ["UserName": "ana", "NewUserName": "BEN"])?.code
                == "EntityAlreadyExists")
    }

    @Test func `a name may change its case`() throws {
        var account = try Account()
        for (kind, word) in [(UniqueID.Kind.user, "User"), (.group, "Group")] {
            try account.run("Create\(word)", ["\(word)Name": "name"])
            let id = try account.identity(kind, "name").id
            try account.run("Update\(word)", ["\(word)Name": "NAME", "New\(word)Name": "Name"])
            #expect(try account.identity(kind, "nAmE").name == "Name")
            #expect(try account.identity(kind, "nAmE").id == id)
        }
    }

    @Test(arguments: [
        ("User", UniqueID.Kind.user, [:]), ("Group", .group, [:]),
        ("Role", .role, ["AssumeRolePolicyDocument": Account.trust]),
    ])
    func `a name is taken in every case, and free again after deletion`(
        word: String, kind: UniqueID.Kind, more: [String: String]
    ) throws {
        var account = try Account()
        try account.run("Create\(word)", more.merging(["\(word)Name": "Name"]) { $1 })
        let first = try account.identity(kind, "name").id
        for name in ["Name", "name", "NAME"] {
            let failure = try account.failure(of: "Create\(word)", more.merging(["\(word)Name": name]) { $1 })
            #expect(failure == .alreadyExists("\(word) with name \(name) already exists."))
        }
        try account.run("Delete\(word)", ["\(word)Name": "NAME"])
        #expect(try account.identities.identity(kind, named: "name") == nil)
        #expect(try account.identities.identity(first) == nil)
        try account.run("Create\(word)", more.merging(["\(word)Name": "name"]) { $1 })
        let second = try account.identity(kind, "name")
        #expect(second.id != first && second.id.kind == kind)
        #expect(second.name == "name")
    }

    @Test func `a managed policy's name is free again after deletion`() throws {
        var account = try Account()
        let (name, document) = ("PolicyName", ["PolicyDocument": Account.document])
        try account.run("CreatePolicy", document.merging([name: "P"]) { $1 })
        let first = try #require(try account.identities.policy(named: "p")).record.id
        #expect(
            try account.failure(of: "CreatePolicy", document.merging([name: "p"]) { $1 })?.code
                == "EntityAlreadyExists")
        try account.run("DeletePolicy", ["PolicyArn": "arn:aws:iam::111122223333:policy/P"])
        #expect(try account.identities.policy(first) == nil)
        try account.run("CreatePolicy", document.merging([name: "p"]) { $1 })
        #expect(try account.identities.policy(named: "P")?.record.id != first)
    }

    @Test func `one name can be that of a user, a group, a role and a policy`() throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "x"])
        try account.run("CreateGroup", ["GroupName": "x"])
        try account.run("CreateRole", ["RoleName": "x", "AssumeRolePolicyDocument": Account.trust])
        try account.run("CreatePolicy", ["PolicyName": "x", "PolicyDocument": Account.document])
        let identities = try account.identities
        let ids = [UniqueID.Kind.user, .group, .role].compactMap { identities.identity($0, named: "X")?.record.id }
        #expect(ids.map(\.kind) == [.user, .group, .role])
        #expect(identities.policy(named: "X")?.record.id.kind == .policy)
        try account.run("DeleteGroup", ["GroupName": "x"])
        #expect(try account.identities.identity(.group, named: "x") == nil)
        #expect(try account.identities.identity(.user, named: "x") != nil)
        #expect(try account.identities.policy(named: "x") != nil)
    }

    @Test func `all of a kind are listed in the order of their names, whatever their case`() throws {
        var account = try Account()
        for name in ["b", "C", "a", "_", "B2", "A1"] { try account.run("CreateUser", ["UserName": name]) }
        let names = try account.run("ListUsers")?["Users"]?.list?.compactMap { $0["UserName"]?.text }
        #expect(names == ["_", "a", "A1", "b", "B2", "C"])
        #expect(try account.run("ListGroups")?["Groups"]?.list == [])
    }

    @Test func `who calls is a user or a role, never a group or a policy`() throws {
        var account = try populated()
        try account.run("CreateRole", ["RoleName": "r", "Path": "/x/", "AssumeRolePolicyDocument": Account.trust])
        let identities = try account.identities
        let (user, role) = (try account.identity(.user, "ana").id, try account.identity(.role, "r").id)
        #expect(identities.principal(user) == .user(account.id, path: "/", name: "ana", id: user))
        #expect(
            identities.principal(role, session: "s")
                == .roleSession(account.id, path: "/x/", role: "r", session: "s", id: role))
        #expect(identities.principal(try account.identity(.group, "team").id) == nil)
        #expect(identities.principal(try #require(identities.policy(named: "p")).record.id) == nil)
    }

    @Test func `what a policy is attached to, and whom it limits, is told apart`() throws {
        var account = try populated()
        let arn = "arn:aws:iam::111122223333:policy/p"
        try account.run("AttachGroupPolicy", ["GroupName": "team", "PolicyArn": arn])
        let identities = try account.identities
        let (attached, limited) = identities.attachments(of: try #require(identities.policy(named: "p")).record.id)
        #expect(attached.map(\.record.name).sorted() == ["ana", "team"])
        #expect(limited.map(\.record.name) == ["ana"])
        for members in [["UserName": "ana"], ["GroupName": "team"]] {
            let word = members.keys.contains("UserName") ? "User" : "Group"
            #expect(try account.failure(of: "DeletePolicy", ["PolicyArn": arn])?.code == "DeleteConflict")
            try account.run("Detach\(word)Policy", members.merging(["PolicyArn": arn]) { $1 })
        }
        #expect(try account.failure(of: "DeletePolicy", ["PolicyArn": arn])?.code == "DeleteConflict")
        try account.run("DeleteUserPermissionsBoundary", ["UserName": "ana"])
        try account.run("DeletePolicy", ["PolicyArn": arn])
    }

    @Test func `whoever still has something is not deleted`() throws {
        var account = try populated()
        let key = try #require(try account.identities.accessKeys(of: account.identity(.user, "ana").id).first).id
        let steps: [(String, [String: String])] = [
            ("DeleteAccessKey", ["UserName": "ana", "AccessKeyId": key]),
            ("DeleteUserPolicy", ["UserName": "ana", "PolicyName": "i"]),
            ("DetachUserPolicy", ["UserName": "ana", "PolicyArn": "arn:aws:iam::111122223333:policy/p"]),
            ("RemoveUserFromGroup", ["UserName": "ana", "GroupName": "team"]),
        ]
        for (operation, members) in steps {
            #expect(try account.failure(of: "DeleteUser", ["UserName": "ana"])?.code == "DeleteConflict")
            try account.run(operation, members)
        }
        try account.run("DeleteUser", ["UserName": "ana"])
        #expect(account.stored.identities.map(\.id.kind).contains(.user) == false)
    }

    @Test func `access keys stand oldest first, and each with its owner`() throws {
        let account = try populated()
        let user = try account.identity(.user, "ana").id
        var edit = IdentityEdit(try account.identities)
        for (id, owner, age) in [("AKIA3", user, 3.0), ("AKIA2", user, 3), ("AKIA1", nil, 9)]
            as [(String, UniqueID?, Double)]
        {
            edit.put(
                AccessKeyRecord(
                    id: id, account: account.id, user: owner, creationDate: Account.time.addingTimeInterval(-age),
                    isActive: true, wrappedSecret: []), replacing: false)
        }
        let identities = edit.identities
        #expect(identities.accessKeys(of: user).map(\.id).prefix(2) == ["AKIA2", "AKIA3"])
        #expect(identities.accessKeys(of: user).count == 3)
        #expect(identities.accessKeys(of: nil).map(\.id) == ["AKIA1"])
    }
}
