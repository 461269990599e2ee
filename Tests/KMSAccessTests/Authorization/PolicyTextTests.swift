import KMSAccess
import KMSModel
import Testing

struct PolicyTextTests {
    /// KMS Developer Guide, "Default key policy", as GetKeyPolicy shows it.
    private static let defaultPolicy = """
        {
          "Version" : "2012-10-17",
          "Id" : "key-default-1",
          "Statement" : [ {
            "Sid" : "Enable IAM User Permissions",
            "Effect" : "Allow",
            "Principal" : {
              "AWS" : "arn:aws:iam::111122223333:root"
            },
            "Action" : "kms:*",
            "Resource" : "*"
          } ]
        }
        """

    @Test func `the default policy is AWS's, byte for byte`() throws {
        #expect(StandardKeyPolicy.default(for: try #require(AccountID("111122223333")), in: .aws) == Self.defaultPolicy)
    }

    @Test func `the default policy names its own partition`() throws {
        let text = StandardKeyPolicy.default(for: try #require(AccountID("444455556666")), in: .usGovernment)
        let (root, other) = ("arn:aws:iam::111122223333:root", "arn:aws-us-gov:iam::444455556666:root")
        #expect(text == Self.defaultPolicy.replacing(root, with: other))
        _ = try PolicyDocument.parse(text, in: .usGovernment)
    }

    @Test func `what was laid out in AWS's way stays as it is`() throws {
        #expect(try PolicyDocument.parse(Self.defaultPolicy, in: .aws).text == Self.defaultPolicy)
    }

    @Test func `order and forms are kept and only the layout changes`() throws {
        let text = """
            {"Statement":[{"Resource":"*","Action":["kms:Encrypt","kms:Decrypt"],"Principal":{"AWS":["111122223333"]},
            "Effect":"Allow","Condition":{"Bool":{"a":[true,1.50]},"Null":{}}},
            {"Effect":"Deny","Principal":"*","Action":[]}],"Version":"2012-10-17"}
            """
        #expect(
            try PolicyDocument.parse(text, in: .aws).text == """
                {
                  "Statement" : [ {
                    "Resource" : "*",
                    "Action" : [ "kms:Encrypt", "kms:Decrypt" ],
                    "Principal" : {
                      "AWS" : [ "111122223333" ]
                    },
                    "Effect" : "Allow",
                    "Condition" : {
                      "Bool" : {
                        "a" : [ true, 1.50 ]
                      },
                      "Null" : { }
                    }
                  }, {
                    "Effect" : "Deny",
                    "Principal" : "*",
                    "Action" : [ ]
                  } ],
                  "Version" : "2012-10-17"
                }
                """
        )
    }

    @Test func `a single statement stays without its list`() throws {
        let text = #"{"Statement":{"Effect":"Allow","Principal":"*"}}"#
        #expect(
            try PolicyDocument.parse(text, in: .aws).text == """
                {
                  "Statement" : {
                    "Effect" : "Allow",
                    "Principal" : "*"
                  }
                }
                """
        )
    }

    @Test func `characters that may not stand in a policy are escaped`() {
        let text = PolicyText.print(.string("\"\\/\n\r\t\u{0}\u{7F}\u{E9}\u{FF}\u{100}\u{1F511}"))
        #expect(text == #""\"\\/\n\r\t\u0000\#u{7F}\#u{E9}\#u{FF}\u0100\ud83d\udd11""#)
    }

    @Test(arguments: try PolicyVectors.grammar().filter { $0.expected == nil })
    func `the text of a policy is a policy that says the same`(vector: PolicyVectors.Grammar) throws {
        let document = try PolicyDocument.parse(vector.text, in: .aws)
        #expect(try PolicyDocument.parse(document.text, in: .aws) == document)
    }
}
