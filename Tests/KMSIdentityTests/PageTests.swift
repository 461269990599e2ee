import KMSIdentity
import KMSModel
import Testing

/// Lists in pages, through the operations that answer them.
struct PageTests {
    /// The texts of a list, or what its entries have under a name, asked for in pages.
    private func texts(
        _ operation: String, _ list: String, _ name: String?, _ members: [String: String], of account: Account,
        limit: Int
    ) throws -> [String] {
        var account = account
        var (entries, marker): ([QueryValue], String?) = ([], nil)
        repeat {
            var members = members
            members["MaxItems"] = String(limit)
            members["Marker"] = marker
            let answer = try #require(try account.run(operation, members))
            let page = try #require(answer[list]?.list)
            marker = answer["Marker"]?.text
            #expect(answer["IsTruncated"] == .flag(marker != nil))
            #expect(marker == nil ? page.count <= limit : page.count == limit)
            #expect(marker?.utf8.count ?? 0 <= 320)
            entries += page
            try #require(entries.count < 1000)
        } while marker != nil
        return entries.compactMap { entry in
            guard let name else { return entry.text }
            return entry[name]?.text
        }
    }

    @Test(arguments: [1, 2, 50]) func `keys of any length and script are listed, each once`(count: Int) throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "ana"])
        let keys =
            ["a", String(repeating: "\u{1D400}", count: 128), String(repeating: "\u{E9}", count: 101) + "1"]
            + [String(repeating: "\u{E9}", count: 101) + "2", String(repeating: "z", count: 128), "\u{E9}"]
        for key in keys {
            try account.run("TagUser", ["UserName": "ana", "Tags.member.1.Key": key, "Tags.member.1.Value": ""])
        }
        let listed = try texts("ListUserTags", "Tags", "Key", ["UserName": "ana"], of: account, limit: count)
        #expect(listed.count == keys.count && Set(listed) == Set(keys))
    }

    @Test(arguments: [1, 2, 50]) func `inline policies whose names differ in case alone are listed`(count: Int) throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "ana"])
        for name in ["x", "X", "y", "Y", "a"] {
            try account.run(
                "PutUserPolicy", ["UserName": "ana", "PolicyName": name, "PolicyDocument": Account.document])
        }
        let listed = try texts(
            "ListUserPolicies", "PolicyNames", nil, ["UserName": "ana"], of: account, limit: count)
        #expect(listed.sorted() == ["X", "Y", "a", "x", "y"])
    }

    @Test func `a page goes on behind an entry that is gone`() throws {
        var account = try Account()
        for name in ["a", "B", "c"] { try account.run("CreateUser", ["UserName": name]) }
        let first = try #require(try account.run("ListUsers", ["MaxItems": "2"]))
        try account.run("DeleteUser", ["UserName": "b"])
        let marker = try #require(first["Marker"]?.text)
        let rest = try #require(try account.run("ListUsers", ["Marker": marker]))
        #expect(rest["Users"]?.list?.compactMap { $0["UserName"]?.text } == ["c"])
    }

    @Test(arguments: ["+1", "0", "1001", "x"]) func `a page has from one to a thousand entries`(count: String) throws {
        let account = try Account()
        #expect(try account.failure(of: "ListUsers", ["MaxItems": count]) != nil)
    }

    @Test(arguments: ["x", "", "a/", "*", "\u{E9}", "/\u{E9}/"])
    func `a path prefix begins with a slash`(prefix: String) throws {
        let account = try Account()
        for operation in ["ListUsers", "ListGroups", "ListRoles", "ListPolicies"] {
            #expect(try account.failure(of: operation, ["PathPrefix": prefix])?.code == "ValidationError")
        }
    }

    @Test(arguments: 1...7)
    func `pages together are the list`(limit: Int) throws {
        var account = try Account()
        for name in ["b", "A", "c", "B2", "a1", "_"] {
            try account.run("CreateUser", ["UserName": name])
            try account.run("PutUserPolicy", ["UserName": "b", "PolicyName": name, "PolicyDocument": Account.document])
            try account.run(
                "TagUser", ["UserName": "b", "Tags.member.1.Key": name, "Tags.member.1.Value": ""])
        }
        try account.run("CreatePolicy", ["PolicyName": "p", "PolicyDocument": Account.document])
        let arn = ["PolicyArn": "arn:aws:iam::111122223333:policy/p"]
        for _ in 0..<4 {
            try account.run("CreatePolicyVersion", arn.merging(["PolicyDocument": Account.document]) { $1 })
        }
        try account.run("DeletePolicyVersion", arn.merging(["VersionId": "v2"]) { $1 })
        try account.run("CreatePolicyVersion", arn.merging(["PolicyDocument": Account.document]) { $1 })
        func all(
            _ operation: String, _ list: String, _ name: String?, _ members: [String: String]
        ) throws -> [String] { try texts(operation, list, name, members, of: account, limit: limit) }
        let names = ["_", "A", "a1", "b", "B2", "c"]
        #expect(try all("ListUsers", "Users", "UserName", [:]) == names)
        #expect(try all("ListUserTags", "Tags", "Key", ["UserName": "b"]) == names)
        #expect(try all("ListUserPolicies", "PolicyNames", nil, ["UserName": "b"]) == names)
        #expect(try all("ListPolicyVersions", "Versions", "VersionId", arn) == ["v6", "v5", "v4", "v3", "v1"])
    }

    @Test(arguments: ["!", "YQ", "YQ==\n", String(repeating: "A", count: 324)])
    func `a text that is no marker is refused`(marker: String) throws {
        let failure = try Account().failure(of: "ListUsers", ["Marker": marker])
        #expect(failure?.code == "ValidationError")
    }
}
