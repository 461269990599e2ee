import KMSIdentity
import KMSModel
import Testing

struct IdentityUsageTests {
    private func item(_ quota: IdentityUsage.Quota, in account: Account) throws -> IdentityUsage.Item {
        let items = IdentityUsage(of: try account.identities).items
        #expect(items.map(\.quota) == IdentityUsage.Quota.allCases)
        return try #require(items.first { $0.quota == quota })
    }

    @Test func `an account without anybody uses nothing`() throws {
        let items = IdentityUsage(of: try Account().identities).items
        #expect(items.allSatisfy { $0.used == 0 && $0.limit > 0 && $0.holder == nil })
    }

    @Test func `everybody is counted, and whoever is nearest to a quota is named`() throws {
        var account = try Account()
        for name in ["ana", "ben", "eve"] { try account.run("CreateUser", ["UserName": name]) }
        try account.run("CreateGroup", ["GroupName": "team"])
        try account.run("CreateRole", ["RoleName": "r", "AssumeRolePolicyDocument": Account.trust])
        try account.run("CreatePolicy", ["PolicyName": "p", "PolicyDocument": Account.document])
        try account.run("AddUserToGroup", ["UserName": "eve", "GroupName": "team"])
        for name in ["ana", "ben", "ben"] { try account.run("CreateAccessKey", ["UserName": name]) }
        #expect(try item(.users, in: account).used == 3)
        #expect(try item(.users, in: account).limit == 5000)
        #expect(try [.groups, .roles, .policies].map { try item($0, in: account).used } == [1, 1, 1])
        let keys = try item(.accessKeys, in: account)
        #expect((keys.used, keys.limit, keys.holder?.name) == (2, 2, "ben"))
        #expect(try item(.groupsPerUser, in: account).holder?.arn == "arn:aws:iam::111122223333:user/eve")
        #expect(try item(.versions, in: account).holder?.kind == .policy)
        #expect(try item(.attachedPolicies, in: account).holder == nil)
        let trust = try item(.trustPolicySize, in: account)
        #expect(trust.used == Account.trust.utf8.count && trust.holder?.name == "r")
    }

    /// A group may have more than a user, so that more is not nearer.
    @Test func `what counts is the share of the limit`() throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "ana"])
        try account.run("CreateGroup", ["GroupName": "team"])
        try account.run("PutUserPolicy", ["UserName": "ana", "PolicyName": "i", "PolicyDocument": Account.document])
        for name in ["i", "j"] {
            try account.run(
                "PutGroupPolicy", ["GroupName": "team", "PolicyName": name, "PolicyDocument": Account.document])
        }
        let inline = try item(.inlinePolicySize, in: account)
        #expect((inline.holder?.name, inline.limit, inline.used) == ("ana", 2048, Account.document.utf8.count))
    }
}
