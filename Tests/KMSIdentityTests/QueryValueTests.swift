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
        (.syntax, "Syntax errors in policy."), (.tooLarge(most: 32_768), "Syntax errors in policy."),
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
}
