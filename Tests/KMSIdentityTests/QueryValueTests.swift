import Foundation
import KMSAccess
import KMSIdentity
import KMSModel
import Testing

struct QueryValueTests {
    @Test func `a structure has the members that have a value, in their order`() {
        let value = QueryValue(["B": .text("1"), "A": nil, "C": .flag(false), "D": .number(-7), "E": .list([])])
        #expect(
            value
                == .structure([
                    .init("B", .text("1")), .init("C", .text("false")), .init("D", .text("-7")), .init("E", .list([])),
                ]))
        #expect(QueryValue.flag(true) == .text("true"))
    }

    @Test(arguments: [
        (0.0, "1970-01-01T00:00:00Z"), (1_767_323_045, "2026-01-02T03:04:05Z"), (-1, "1969-12-31T23:59:59Z"),
    ])
    func `a date is in UTC and in whole seconds`(seconds: Double, text: String) {
        #expect(Date(timeIntervalSince1970: seconds).queryText == .text(text))
    }

    @Test func `a policy is shown percent-encoded, and is what was given`() throws {
        var account = try Account()
        try account.run("CreateUser", ["UserName": "ana"])
        let document = """
            {"Version": "2012-10-17",\r\n\t"Statement": {"Effect": "Deny", "Action": "kms:*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:username": "é+%~-._&<"}}}}
            """
        try account.run("PutUserPolicy", ["UserName": "ana", "PolicyName": "p", "PolicyDocument": document])
        let answer = try account.run("GetUserPolicy", ["UserName": "ana", "PolicyName": "p"])
        let shown = try #require(answer?["PolicyDocument"]?.text)
        #expect(shown.removingPercentEncoding == document)
        #expect(shown.hasPrefix("%7B%22Version%22%3A%20%222012-10-17%22%2C%0D%0A%09%22"))
        #expect(shown.contains("%C3%A9%2B%25~-._%26%3C"))
        #expect(answer?["UserName"] == .text("ana"))
    }

    /// The sentence for each reason why a policy is not accepted.
    @Test(arguments: [
        (PolicyFailure.wrongVersion, "Policy document must be version 2012-10-17 or greater."),
        (
            .invalidSid,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
        ),
        (.duplicateSid, "Statement IDs (SID) in a single policy must be unique."),
        (.actionWithoutService, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (.invalidService("a b"), "Vendor a b is not valid"),
        (.unknownPrincipal("x"), #"Invalid principal in policy: "AWS":"x""#),
        (.resourceWithoutARN, "The policy failed legacy parsing"),
        (.prohibitedResource, "Has prohibited field Resource"),
        (.actionOutsideSTS, "AssumeRole policy may only specify STS AssumeRole actions."),
        (.missingPrincipal, "Missing required field Principal"),
        (.missingActions, "Policy statement must contain actions."),
        (.missingResources, "Policy statement must contain resources."),
        (.invalidPrincipal, "Invalid principal in policy"), (.invalidARN, "Invalid principal in policy"),
        (.syntax, "Syntax errors in policy."), (.tooLarge, "Syntax errors in policy."),
        (.overlyPermissiveCondition, "Syntax errors in policy."),
    ])
    func `a policy is refused in the words of IAM`(failure: PolicyFailure, message: String) {
        #expect(QueryFailure(failure) == QueryFailure("MalformedPolicyDocument", message))
    }

    @Test func `each kind of refusal has its code and its status`() {
        let failures: [(QueryFailure, String, Int)] = [
            (.noSuchEntity("m"), "NoSuchEntity", 404), (.alreadyExists("m"), "EntityAlreadyExists", 409),
            (.deleteConflict("m"), "DeleteConflict", 409), (.limitExceeded("m"), "LimitExceeded", 409),
            (.validation("m"), "ValidationError", 400), (QueryFailure("InvalidInput", "m"), "InvalidInput", 400),
            (.accessDenied("m"), "AccessDenied", 403),
        ]
        for (failure, code, status) in failures {
            #expect(failure == QueryFailure(code, "m", status: status))
            #expect(failure.isDenial == (status == 403))
        }
        #expect((QueryFailure.unavailable.code, QueryFailure.unavailable.status) == ("ServiceFailure", 500))
    }

    // MARK: Pages

    /// All entries of a list, asked for in pages.
    private func entries(
        _ operation: String, _ member: String, _ members: [String: String], of account: Account, limit: Int
    ) throws -> [QueryValue] {
        var account = account
        var (entries, marker): ([QueryValue], String?) = ([], nil)
        repeat {
            var members = members
            members["MaxItems"] = String(limit)
            members["Marker"] = marker
            let answer = try #require(try account.run(operation, members))
            let page = try #require(answer[member]?.list)
            #expect(page.count <= limit)
            marker = answer["Marker"]?.text
            #expect(answer["IsTruncated"] == .flag(marker != nil))
            #expect(marker == nil || page.count == limit)
            entries += page
        } while marker != nil && entries.count < 1000
        return entries
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
        func texts(_ operation: String, _ list: String, _ member: String?, _ members: [String: String]) throws
            -> [String?]
        {
            try entries(operation, list, members, of: account, limit: limit).map { value in
                member.map { value[$0]?.text } ?? value.text
            }
        }
        let names = ["_", "A", "a1", "b", "B2", "c"]
        #expect(try texts("ListUsers", "Users", "UserName", [:]) == names)
        #expect(try texts("ListUserTags", "Tags", "Key", ["UserName": "b"]) == names)
        #expect(try texts("ListUserPolicies", "PolicyNames", nil, ["UserName": "b"]) == names)
        #expect(try texts("ListPolicyVersions", "Versions", "VersionId", arn) == ["v6", "v5", "v4", "v3", "v1"])
    }

    @Test(arguments: ["!", "YQ", "YQ==\n", String(repeating: "A", count: 324)])
    func `a text that is no marker is refused`(marker: String) throws {
        let failure = try Account().failure(of: "ListUsers", ["Marker": marker])
        #expect(failure?.code == "ValidationError")
    }
}
