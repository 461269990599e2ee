import KMSAccess
import KMSModel
import Testing

/// What IAM asks of identity policies and trust policies beyond the grammar that they share with key policies.
struct IAMPolicyGrammarTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        /// Nil for a policy.
        let failure: PolicyFailure?
        var testDescription: String { name }

        init(_ name: String, _ failure: PolicyFailure?, text: String) {
            (self.name, self.failure, self.text) = (name, failure, text)
        }

        /// A policy of these statements, each in the braces of its own.
        init(_ name: String, _ failure: PolicyFailure?, version: String = "2012-10-17", _ statements: String...) {
            let all = statements.map { "{\($0)}" }.joined(separator: ",")
            self.init(name, failure, text: #"{"Version": "\#(version)", "Statement": [\#(all)]}"#)
        }
    }

    // MARK: Identity policies

    private static let allow = #""Effect": "Allow", "Action": "kms:*", "Resource": "*""#

    static let identityRows = [
        Row("a policy", nil, allow),
        Row("the original version", nil, version: "2008-10-17", allow),
        Row("a version that there is not", .wrongVersion, version: "2012-10-18", allow),
        Row("an empty version", .wrongVersion, version: "", allow),
        Row("a version that is no text", .syntax, text: #"{"Version": 1, "Statement": {\#(allow)}}"#),
        Row("one statement without brackets", nil, text: #"{"Statement": {\#(allow)}}"#),
        Row("no statement", .syntax, text: #"{"Version": "2012-10-17", "Statement": []}"#),
        Row("no JSON", .syntax, text: "x"),
        Row("a member twice", .syntax, text: #"{"Statement": {\#(allow)}, "Statement": {\#(allow)}}"#),
        Row("an element that there is not", .syntax, allow + #", "Actions": []"#),

        Row("a label", nil, allow + #", "Sid": "Label1""#),
        Row("a label with a space", .invalidSid, allow + #", "Sid": "a b""#),
        Row("a label with a hyphen", .invalidSid, allow + #", "Sid": "a-b""#),
        Row("a label that is not ASCII", .invalidSid, allow + #", "Sid": "é""#),
        Row("a label twice", .duplicateSid, allow + #", "Sid": "a""#, allow + #", "Sid": "a""#),
        Row("a label in two cases", nil, allow + #", "Sid": "a""#, allow + #", "Sid": "A""#),
        Row("two empty labels", nil, allow + #", "Sid": """#, allow + #", "Sid": """#),

        Row("no action", .missingActions, #""Effect": "Allow", "Resource": "*""#),
        Row("an empty list of actions", .missingActions, #""Effect": "Allow", "Action": [], "Resource": "*""#),
        Row("an empty list of others", .missingActions, #""Effect": "Allow", "NotAction": [], "Resource": "*""#),
        Row("every action", nil, #""Effect": "Allow", "Action": "*", "Resource": "*""#),
        Row("every service", nil, #""Effect": "Allow", "Action": "*:Encrypt", "Resource": "*""#),
        Row("all but some actions", nil, #""Effect": "Allow", "NotAction": "iam:*", "Resource": "*""#),
        Row(
            "an action without a service", .actionWithoutService,
            #""Effect": "Allow", "Action": "Encrypt", "Resource": "*""#
        ),
        Row("an empty action", .actionWithoutService, #""Effect": "Allow", "Action": "", "Resource": "*""#),
        Row(
            "an exception without a service", .actionWithoutService,
            #""Effect": "Allow", "NotAction": ["kms:*", "Encrypt"], "Resource": "*""#
        ),
        Row(
            "a service that is none", .invalidService("k ms"),
            #""Effect": "Allow", "Action": "k ms:Encrypt", "Resource": "*""#
        ),
        Row("an empty service", .invalidService(""), #""Effect": "Allow", "Action": ":Encrypt", "Resource": "*""#),
        Row("two kinds of action", .syntax, allow + #", "NotAction": "kms:*""#),

        Row("no resource", .missingResources, #""Effect": "Allow", "Action": "kms:*""#),
        Row("an empty list of resources", .missingResources, #""Effect": "Allow", "Action": "*", "Resource": []"#),
        Row("an ARN", nil, #""Effect": "Allow", "Action": "*", "Resource": ["arn:aws:kms:*:*:key/*", "*"]"#),
        Row("a bare identifier", .resourceWithoutARN, #""Effect": "Allow", "Action": "*", "Resource": "key/a""#),
        Row("a prefix of an ARN", .resourceWithoutARN, #""Effect": "Allow", "Action": "*", "Resource": "arn""#),
        Row("an ARN in capitals", .resourceWithoutARN, #""Effect": "Allow", "Action": "*", "Resource": "ARN:aws""#),
        Row("a pattern of ARNs", .resourceWithoutARN, #""Effect": "Allow", "Action": "*", "Resource": "*:key/a""#),
        Row(
            "an exception without ARN", .resourceWithoutARN,
            #""Effect": "Allow", "Action": "*", "NotResource": ["arn:a", "a"]"#
        ),

        Row("a principal", .syntax, allow + #", "Principal": "*""#),
        Row("a principal's exception", .syntax, allow + #", "NotPrincipal": {"AWS": "111122223333"}"#),
        Row("no effect", .syntax, #""Action": "*", "Resource": "*""#),
        Row("an effect in lower case", .syntax, #""Effect": "allow", "Action": "*", "Resource": "*""#),
        Row("an operator that there is not", .syntax, allow + #", "Condition": {"Equals": {"a": "b"}}"#),
        Row(
            "a set operator on a single value", .overlyPermissiveCondition,
            allow + #", "Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContext:a": "b"}}"#
        ),
        Row("a dash that is no hyphen", .invalidCharacter, allow + ", \"Sid\": \"\u{2013}\""),
        Row("a control character", .invalidCharacter, allow + "\u{B}"),
        Row("a character of Latin 1", nil, allow + #", "Condition": {"StringEquals": {"aws:username": "é"}}"#),
    ]

    @Test(arguments: identityRows)
    func `a text is an identity policy or is refused for its reason`(row: Row) {
        #expect(
            failure(of: { () throws(PolicyFailure) in _ = try PolicyDocument.parse(identityPolicy: row.text) })
                == row.failure)
    }

    @Test func `a resource without ARN that was accepted before still reads, and matches nothing`() throws {
        let text = #"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "key/a"}}"#
        #expect(throws: PolicyFailure.resourceWithoutARN) { try PolicyDocument.parse(identityPolicy: text) }
        let document = try PolicyDocument.parse(stored: text, as: .identity)
        #expect(document.statements.count == 1)
    }

    @Test func `a key policy may be longer when it was stored than when it is given`() throws {
        let text = #"{"Statement": {\#(Self.allow), "Principal": "*"}}"#
        let long = text + String(repeating: " ", count: PolicyDocument.maximumByteCount)
        #expect(throws: PolicyFailure.tooLarge(most: 32_768)) { try PolicyDocument.parse(long, in: .aws) }
        #expect(try PolicyDocument.parse(stored: long, as: .key(.aws)).statements.count == 1)
    }

    @Test func `white space makes no policy of IAM too long`() throws {
        let space = String(repeating: " ", count: PolicyDocument.maximumByteCount)
        let text = #"{"Statement": {\#(Self.allow)}}"# + space
        #expect(try PolicyDocument.parse(identityPolicy: text).statements.count == 1)
        let trust = #"{"Statement": {\#(Self.trust)}}"# + space
        #expect(try PolicyDocument.parse(trust, as: .trust(.aws)).statements.count == 1)
    }

    // MARK: Trust policies

    private static let trust = #""Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole""#

    private static func trusting(_ principal: String, _ effect: String = "Allow") -> String {
        #""Effect": "\#(effect)", "Principal": \#(principal), "Action": "sts:AssumeRole""#
    }

    static let trustRows = [
        Row("a policy", nil, trust),
        Row("everybody", nil, trusting(#""*""#)),
        Row("a service", nil, trusting(#"{"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}"#)),
        Row("a provider", nil, trusting(#"{"Federated": "cognito-identity.amazonaws.com"}"#)),
        Row("a stored principal", nil, trusting(#"{"AWS": "AROAABCDEFGHIJKLM2345"}"#)),
        Row("nobody", .missingPrincipal, #""Effect": "Allow", "Action": "sts:AssumeRole""#),
        Row("an empty principal", .missingPrincipal, trusting("{}")),
        Row("an empty list of principals", .missingPrincipal, trusting(#"{"AWS": []}"#)),
        Row("a bare name", .invalidPrincipal, trusting(#""111122223333""#)),
        Row("a service that is none", .invalidPrincipal, trusting(#"{"Service": "ec2"}"#)),
        Row("a canonical user", .invalidPrincipal, trusting(#"{"CanonicalUser": "a"}"#)),
        Row("a kind that there is not", .syntax, trusting(#"{"Group": "a"}"#)),
        Row("a text that is no principal", .unknownPrincipal("nobody"), trusting(#"{"AWS": "nobody"}"#)),
        Row(
            "a group", .unknownPrincipal("arn:aws:iam::111122223333:group/g"),
            trusting(#"{"AWS": "arn:aws:iam::111122223333:group/g"}"#)
        ),
        Row(
            "another partition", .unknownPrincipal("arn:aws-cn:iam::111122223333:root"),
            trusting(#"{"AWS": ["*", "arn:aws-cn:iam::111122223333:root"]}"#)
        ),
        Row(
            "a partial wildcard", .unknownPrincipal("arn:aws:iam::111122223333:user/*"),
            trusting(#"{"AWS": "arn:aws:iam::111122223333:user/*"}"#)
        ),
        Row(
            "all but somebody let in", .syntax,
            #""Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole""#
        ),
        Row(
            "all but somebody refused", nil,
            #""Effect": "Deny", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole""#
        ),
        Row("a resource", .prohibitedResource, trust + #", "Resource": "*""#),
        Row("an exception of resources", .prohibitedResource, trust + #", "NotResource": "arn:a""#),
        Row("no action", .missingActions, #""Effect": "Allow", "Principal": "*""#),
        Row("every action", .actionOutsideSTS, #""Effect": "Allow", "Principal": "*", "Action": "*""#),
        Row("another service", .actionOutsideSTS, #""Effect": "Allow", "Principal": "*", "Action": "kms:Encrypt""#),
        Row(
            "another service beside STS", .actionOutsideSTS,
            #""Effect": "Allow", "Principal": "*", "Action": ["sts:AssumeRole", "kms:Encrypt"]"#
        ),
        Row("every action of STS", nil, #""Effect": "Allow", "Principal": "*", "Action": "STS:*""#),
        Row(
            "an action without a service", .actionWithoutService,
            #""Effect": "Allow", "Principal": "*", "Action": "AssumeRole""#
        ),
        Row("a label with a space", .invalidSid, trust + #", "Sid": "a b""#),
        Row("a label twice", .duplicateSid, trust + #", "Sid": "a""#, trust + #", "Sid": "a""#),
        Row("a version that there is not", .wrongVersion, version: "2020-01-01", trust),
        Row("a dash that is no hyphen", .invalidCharacter, trust + ", \"Sid\": \"\u{2013}\""),
    ]

    @Test(arguments: trustRows)
    func `a text is a trust policy or is refused for its reason`(row: Row) {
        #expect(
            failure(of: { () throws(PolicyFailure) in _ = try PolicyDocument.parse(row.text, as: .trust(.aws)) })
                == row.failure)
    }

    private func failure(of parsing: () throws(PolicyFailure) -> Void) -> PolicyFailure? {
        do throws(PolicyFailure) {
            try parsing()
            return nil
        } catch {
            return error
        }
    }
}
