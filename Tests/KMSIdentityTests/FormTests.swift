import KMSIdentity
import KMSModel
import Testing

struct FormTests {
    private static func failure<Value>(_ body: () throws(QueryFailure) -> Value) -> String? {
        do throws(QueryFailure) {
            _ = try body()
            return nil
        } catch {
            return "\(error.code) \(error.status): \(error.message)"
        }
    }

    private static func broken(_ name: String, _ rule: String, value: String = "") -> String {
        "ValidationError 400: 1 validation error detected: Value \(value)at '\(name)' failed to satisfy constraint: \(rule)"
    }

    // MARK: Values

    @Test(arguments: [
        ("ab", nil), ("abc", nil), ("\u{E9}\u{E9}", nil),
        ("a", broken("userName", "Member must have length greater than or equal to 2")),
        ("", broken("userName", "Member must have length greater than or equal to 2")),
        ("abcd", broken("userName", "Member must have length less than or equal to 3")),
        // Two characters for a reader, four for the model.
        ("e\u{301}e\u{301}", broken("userName", "Member must have length less than or equal to 3")),
    ])
    func `a text has as many characters as the model says`(text: String, expected: String?) {
        let form = Form(["UserName": text], taking: ["UserName"])
        #expect(Self.failure { () throws(QueryFailure) in try form.required("UserName", count: 2...3) } == expected)
        #expect(Self.failure { () throws(QueryFailure) in try form.optional("UserName", count: 2...3) } == expected)
    }

    @Test func `a text that is missing is nil, or refused where there must be one`() throws {
        let form = Form(["username": "a"], taking: ["UserName"])
        #expect(form.optional("UserName") == nil)
        #expect(try form.optional("UserName", count: 1...2) == nil)
        #expect(
            Self.failure { () throws(QueryFailure) in try form.required("UserName") }
                == Self.broken("userName", "Member must not be null"))
    }

    @Test(arguments: [
        ("1", 1), ("10", 10), ("007", 7),
    ])
    func `a number is decimal digits`(text: String, expected: Int) throws {
        #expect(try Form(["MaxItems": text], taking: ["MaxItems"]).number("MaxItems", in: 1...10) == expected)
    }

    @Test(arguments: [
        ("0", broken("maxItems", "Member must have value greater than or equal to 1")),
        ("-9223372036854775808", broken("maxItems", "Member must have value greater than or equal to 1")),
        ("11", broken("maxItems", "Member must have value less than or equal to 10")),
        ("9223372036854775807", broken("maxItems", "Member must have value less than or equal to 10")),
        ("9223372036854775808", "MalformedInput 400: Invalid Argument"), ("", "MalformedInput 400: Invalid Argument"),
        ("1.0", "MalformedInput 400: Invalid Argument"), ("+5", "MalformedInput 400: Invalid Argument"),
        (" 1", "MalformedInput 400: Invalid Argument"),
        ("\u{661}", "MalformedInput 400: Invalid Argument"), ("0x1", "MalformedInput 400: Invalid Argument"),
    ])
    func `another text is no number, or out of its range`(text: String, expected: String) {
        let form = Form(["MaxItems": text], taking: ["MaxItems"])
        #expect(Self.failure { () throws(QueryFailure) in try form.number("MaxItems", in: 1...10) } == expected)
    }

    @Test func `STS shows the value that breaks a rule, and IAM does not`() {
        let rule = "Member must have length less than or equal to 1"
        for (showsValues, value) in [(false, ""), (true, "'ab' ")] {
            let form = Form(["RoleSessionName": "ab"], taking: ["RoleSessionName"], showsValues: showsValues)
            #expect(
                Self.failure { () throws(QueryFailure) in try form.required("RoleSessionName", count: 1...1) }
                    == Self.broken("roleSessionName", rule, value: value))
        }
        #expect(Form([:], taking: [], showsValues: true).broken("Name", "x").message.contains("Value at 'name' failed"))
    }

    @Test func `a form has the members of its operation and no others`() {
        let sent = [
            "UserName": "ana", "PermissionsBoundary": "arn:aws:iam::111122223333:policy/b", "userName": "ben",
            "Tags.member.1.Key": "a", "Tags.member.1.Value": "b", "TagKeys.member.1": "c", "Action": "PutUserPolicy",
        ]
        let form = Form(sent, taking: ["UserName", .texts("TagKeys")])
        #expect(form.members == ["UserName": .text("ana"), "TagKeys": .texts(["c"])])
        #expect(form.optional("PermissionsBoundary") == nil && !form.has("PermissionsBoundary"))
        #expect(form.structures("Tags").isEmpty && !form.has("Tags"))
    }

    @Test(arguments: [
        (["A.member.1": "x", "A.member.2": "", "A.member.3": "z"], ["x", "", "z"]),
        (["A.member.2": "b", "A.member.1": "a"], ["a", "b"]), (["A": ""], []), (["B.member.2": "x"], nil),
        (["AB": "x", "AB.member.1": "y"], nil),
    ])
    func `a list is numbered from one`(sent: [String: String], expected: [String]?) throws {
        let form = Form(sent, taking: [.texts("A")])
        #expect(throws: Never.self) { try form.check() }
        #expect(form.list("A") == expected ?? [])
        #expect(form.has("A") == (expected != nil))
    }

    @Test(arguments: [
        ["A.member.2": "x"], ["A.member.1": "x", "A.member.3": "y"], ["A.member.0": "x"], ["A.member.01": "x"],
        ["A.member.+1": "x"], ["A.member.-1": "x"], ["A.member.1.Key": "x"], ["A.member": "x"], ["A.1": "x"],
        ["A": "x"], ["A.Member.1": "x"], ["A.": "x"], ["A.member.": "x"], ["A.member.1.": "x"],
        ["A.member.9223372036854775808": "x"], ["A.member.1": "x", "A.member.2.b": "y"],
    ])
    func `a list that cannot be read whole is refused, not read in part`(sent: [String: String]) throws {
        let form = Form(sent, taking: [.texts("A"), "Name"])
        #expect(
            Self.failure { () throws(QueryFailure) in try form.check() } == "MalformedInput 400: Invalid Argument")
        #expect(!form.has("A"))
    }

    @Test func `structures have their own members and no others`() throws {
        let shape = FormMember.structures("P", of: ["arn", "name"])
        let form = Form(["P.member.1.arn": "a", "P.member.2.arn": "b", "P.member.2.name": "c"], taking: [shape])
        #expect(form.structures("P") == [["arn": "a"], ["arn": "b", "name": "c"]])
        for misspelt in ["P.member.1.Arn", "P.member.1", "P.member.1.arn.x", "P.member.2.arn"] {
            let form = Form([misspelt: "a"], taking: [shape])
            #expect(throws: QueryFailure.self, "\(misspelt)") { try form.check() }
        }
    }

    // MARK: Names and paths

    @Test(arguments: [
        ("a", true), ("Ana_1+=,.@-", true), (String(repeating: "a", count: 64), true), ("", false),
        (String(repeating: "a", count: 65), false), ("a b", false), ("a/b", false), ("a*", false), ("\u{E9}", false),
        ("a\u{0}", false), ("a:b", false), ("a\n", false),
    ])
    func `a name is of letters, digits and a few signs`(name: String, isName: Bool) throws {
        let account = try Account()
        let failure = try account.failure(of: "CreateUser", ["UserName": name])
        #expect((failure == nil) == isName)
        #expect(isName || failure?.code == "ValidationError")
        if !name.isEmpty, name.utf8.count < 65, !isName {
            #expect(
                failure?.message == """
                    The specified value for userName is invalid. It must contain only alphanumeric characters and/or \
                    the following: +=,.@_-
                    """)
        }
    }

    @Test(arguments: [("User", 64), ("Role", 64), ("Group", 128), ("Policy", 128)])
    func `a name is as long as its kind may be`(word: String, longest: Int) throws {
        let account = try Account()
        for (count, code) in [(longest, nil), (longest + 1, "ValidationError")] {
            let members = [
                "\(word)Name": String(repeating: "a", count: count), "AssumeRolePolicyDocument": Account.trust,
                "PolicyDocument": Account.document,
            ]
            #expect(try account.failure(of: "Create\(word)", members)?.code == code)
        }
    }

    @Test(arguments: [
        ("/", true), ("/a/", true), ("/a/b/", true), ("//", false), ("///", true), ("/!~/", true),
        ("/" + String(repeating: "a", count: 510) + "/", true), ("/" + String(repeating: "a", count: 511) + "/", false),
        ("", false), ("a", false), ("/a", false), ("a/", false), ("/a b/", false), ("/\u{E9}/", false), ("/\n/", false),
        ("/\u{7F}/", false),
    ])
    func `a path begins and ends with a slash`(path: String, isPath: Bool) throws {
        var account = try Account()
        let failure = try account.failure(of: "CreateGroup", ["GroupName": "g", "Path": path])
        #expect((failure == nil) == isPath)
        #expect(isPath || failure?.code == "ValidationError")
        guard isPath else { return }
        try account.run("CreateGroup", ["GroupName": "g", "Path": path])
        #expect(try account.identity(.group, "g").path == path)
    }

    @Test(arguments: [
        ("", true), ("a\tb\r\nc", true), ("\u{A1}\u{FF}", true), ("\u{A0}", false), ("\u{7F}", false), ("\u{0}", false),
        ("\u{100}", false), (String(repeating: "a", count: 1000), true), (String(repeating: "a", count: 1001), false),
    ])
    func `a description is printable Latin 1`(text: String, isDescription: Bool) throws {
        let members = ["RoleName": "r", "AssumeRolePolicyDocument": Account.trust, "Description": text]
        let failure = try Account().failure(of: "CreateRole", members)
        #expect(failure?.code == (isDescription ? nil : "ValidationError"))
    }

    // MARK: Tags

    private static func members(_ tags: [(String, String)]) -> [String: String] {
        var members: [String: String] = [:]
        for (index, tag) in tags.enumerated() {
            members["Tags.member.\(index + 1).Key"] = tag.0
            members["Tags.member.\(index + 1).Value"] = tag.1
        }
        return members
    }

    private static let pattern = #"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+"#

    private static let valuePattern = String(pattern.dropLast()) + "*"

    static let tagRows: [(name: String, tags: [(String, String)], failure: String?)] = [
        ("no tag", [], nil), ("a tag", [("a", "b")], nil), ("an empty value", [("a", "")], nil),
        ("every sign", [("_.:/=+-@", "_.:/=+-@")], nil),
        ("letters of the world", [("\u{E9}\u{4E2D}\u{661} ", "\u{BC}")], nil),
        ("the longest", [(String(repeating: "k", count: 128), String(repeating: "v", count: 256))], nil),
        (
            "an empty key", [("", "b")],
            broken("tags.1.member.key", "Member must have length greater than or equal to 1")
        ),
        (
            "a long key", [("a", ""), (String(repeating: "k", count: 129), "")],
            broken("tags.2.member.key", "Member must have length less than or equal to 128")
        ),
        (
            "a long value", [("a", String(repeating: "v", count: 257))],
            broken("tags.1.member.value", "Member must have length less than or equal to 256")
        ),
        ("another sign", [("a", "b"), ("b*", "")], broken("tags.2.member.key", pattern)),
        ("another sign in a value", [("a", "b#")], broken("tags.1.member.value", valuePattern)),
        (
            "a tag of AWS's own", [("Aws:a", "")],
            "InvalidInput 400: aws: prefixed tag key names are not allowed for external use."
        ),
        ("a control character", [("a\n", "")], broken("tags.1.member.key", pattern)),
        ("a mark without its letter", [("\u{301}", "")], broken("tags.1.member.key", pattern)),
        (
            "a key twice", [("a", "1"), ("a", "2")],
            "InvalidInput 400: Duplicate tag keys found. Please note that Tag keys are case insensitive."
        ),
        (
            "a key in two cases", [("Key", "1"), ("kEY", "2")],
            "InvalidInput 400: Duplicate tag keys found. Please note that Tag keys are case insensitive."
        ),
        ("fifty tags", (1...50).map { ("k\($0)", "") }, nil),
        (
            "fifty-one tags", (1...51).map { ("k\($0)", "") },
            broken("tags", "Member must have length less than or equal to 50")
        ),
    ]

    @Test(arguments: tagRows.map(\.name))
    func `tags keep their rules`(name: String) throws {
        let row = try #require(Self.tagRows.first { $0.name == name })
        let form = Form(Self.members(row.tags), taking: [.tags])
        #expect(Self.failure { () throws(QueryFailure) in try form.tags() } == row.failure)
        guard row.failure == nil else { return }
        #expect(try form.tags() == row.tags.map { IdentityTag(key: $0.0, value: $0.1) })
    }

    @Test func `STS has a code of its own for a key that is there twice`() {
        let form = Form(Self.members([("a", ""), ("A", "")]), taking: [.tags])
        let failure = Self.failure { () throws(QueryFailure) in
            try form.tags(refusingWith: "InvalidParameterValue")
        }
        #expect(failure?.hasPrefix("InvalidParameterValue 400: ") == true)
    }

    @Test func `a tag takes the place of the one whose key differs in case alone`() throws {
        var account = try Account()
        try account.run("CreateUser", Self.members([("a", "1"), ("b", "2")]).merging(["UserName": "ana"]) { $1 })
        try account.run("TagUser", Self.members([("A", "3"), ("c", "4")]).merging(["UserName": "ana"]) { $1 })
        let tags = try account.identity(.user, "ana").tags
        #expect(tags.map(\.key) == ["A", "b", "c"])
        #expect(tags.map(\.value) == ["3", "2", "4"])
        try account.run("UntagUser", ["UserName": "ana", "TagKeys.member.1": "B", "TagKeys.member.2": "none"])
        #expect(try account.identity(.user, "ana").tags.map(\.key) == ["A", "c"])
    }

    @Test func `there are at most fifty tags, whenever they were set`() throws {
        var account = try Account()
        let first = Self.members((1...50).map { ("k\($0)", "") })
        try account.run("CreateUser", first.merging(["UserName": "ana"]) { $1 })
        let one = Self.members([("new", "")]).merging(["UserName": "ana"]) { $1 }
        #expect(try account.failure(of: "TagUser", one)?.code == "LimitExceeded")
        try account.run("TagUser", Self.members([("K1", "x")]).merging(["UserName": "ana"]) { $1 })
        #expect(try account.identity(.user, "ana").tags.count == 50)
    }
}
