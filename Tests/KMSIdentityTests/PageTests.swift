import KMSIdentity
import KMSModel
import Testing

/// Lists in pages, through the operations that answer them.
struct PageTests {
    /// Walks a list with as many entries to a page as said.
    private func walk(
        _ account: inout Account, _ operation: String, _ members: [String: String], _ list: String, _ name: String?,
        by count: Int
    ) throws -> [String] {
        var (names, marker): ([String], String?) = ([], nil)
        repeat {
            var members = members
            members["MaxItems"] = String(count)
            members["Marker"] = marker
            let answer = try #require(try account.run(operation, members))
            names += try #require(answer[list]?.list).compactMap { text($0, name) }
            marker = answer["Marker"]?.text
            #expect((answer["IsTruncated"] == .flag(true)) == (marker != nil))
            #expect(marker?.utf8.count ?? 0 <= 320)
            try #require(names.count <= 60)
        } while marker != nil
        return names
    }

    private func text(_ entry: QueryValue, _ name: String?) -> String? {
        guard let name else { return entry.text }
        return entry[name]?.text
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
        let listed = try walk(&account, "ListUserTags", ["UserName": "ana"], "Tags", "Key", by: count)
        #expect(listed.count == keys.count && Set(listed) == Set(keys))
    }

    @Test(arguments: [1, 2, 50]) func `inline policies whose names differ in case alone are listed`(count: Int) throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "ana"])
        for name in ["x", "X", "y", "Y", "a"] {
            try account.run(
                "PutUserPolicy", ["UserName": "ana", "PolicyName": name, "PolicyDocument": Account.document])
        }
        let listed = try walk(&account, "ListUserPolicies", ["UserName": "ana"], "PolicyNames", nil, by: count)
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
}
