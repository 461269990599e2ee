import KMSAccess
import KMSModel
import Testing

struct PolicyGrammarTests {
    @Test(arguments: try PolicyVectors.grammar())
    func `a text is a policy or is refused for its reason`(vector: PolicyVectors.Grammar) {
        let failure: PolicyFailure?
        do {
            _ = try PolicyDocument.parse(vector.text, in: .aws)
            failure = nil
        } catch {
            failure = error
        }
        #expect(failure == vector.expected)
    }

    @Test func `a policy of exactly the maximum is read and one byte more is too large`() throws {
        let policy = StandardKeyPolicy.default(for: try account, in: .aws)
        let padding = String(repeating: " ", count: PolicyDocument.maximumByteCount - policy.utf8.count)
        #expect(PolicyDocument.maximumByteCount == 32_768)
        _ = try PolicyDocument.parse(policy + padding, in: .aws)
        #expect(throws: PolicyFailure.tooLarge(most: 32_768)) {
            try PolicyDocument.parse(policy + padding + " ", in: .aws)
        }
    }

    @Test(arguments: ["kms:Get_Object", "kms:Decrypt ", "kms:Encr\u{FD}pt", "kms:Encrypt,kms:Decrypt"])
    func `an action of other characters is refused when written, and read when it is stored`(action: String) throws {
        let statement = #"{"Effect": "Allow", "Principal": "*", "Action": "\#(action)", "Resource": "*"}"#
        let text = #"{"Version": "2012-10-17", "Statement": [\#(statement)]}"#
        #expect(throws: PolicyFailure.syntax) { try PolicyDocument.parse(text, in: .aws) }
        let document = try PolicyDocument.parse(stored: text, as: .key(.aws))
        #expect(document.statements.first?.actions?.elements == [action])
    }

    @Test func `bytes are counted, not characters`() {
        let text = String(repeating: "\u{E9}", count: PolicyDocument.maximumByteCount / 2 + 1)
        #expect(throws: PolicyFailure.tooLarge(most: 32_768)) { try PolicyDocument.parse(text, in: .aws) }
    }

    @Test func `deep nesting is refused and does not exhaust the stack`() {
        let text = String(repeating: "[", count: PolicyDocument.maximumByteCount)
        #expect(throws: PolicyFailure.syntax) { try PolicyDocument.parse(text, in: .aws) }
    }

    @Test func `everything written is in the document`() throws {
        let document = try PolicyDocument.parse(
            """
            {"Version": "2012-10-17", "Id": "i", "Statement": [{
                "Sid": "s", "Effect": "Deny", "NotPrincipal": {"AWS": ["*", "111122223333"], "Service": "a.b.c"},
                "NotAction": "kms:Sign", "NotResource": ["x", "y"],
                "Condition": {"ForAnyValue:NumericLessThanIfExists": {"k": [1.50, true, "t"], "l": "v"}}
            }]}
            """,
            in: .aws
        )
        #expect(document.version == .current)
        #expect(document.id == "i")
        let statement = try #require(document.statements.first)
        #expect(statement.sid == "s")
        #expect(statement.effect == .deny)
        #expect(statement.principals?.isComplement == true)
        #expect(statement.principals?.elements == [.anyIdentity, .account(try account), .service("a.b.c")])
        #expect(statement.actions?.elements == ["kms:Sign"])
        #expect(statement.actions?.isComplement == true)
        #expect(statement.resources?.elements == ["x", "y"])
        #expect(statement.resources?.isComplement == true)
        let condition = try #require(statement.conditions.first)
        #expect(condition.comparison.qualifier == .forAnyValue)
        #expect(condition.comparison.comparison == .numericLessThan)
        #expect(condition.comparison.ifExists)
        #expect(condition.tests.map(\.key) == ["k", "l"])
        #expect(condition.tests.map(\.values) == [["1.50", "true", "t"], ["v"]])
    }

    @Test func `a document without a version is of the original one`() throws {
        let text = #"{"Statement": {"Effect": "Allow", "Principal": "*"}}"#
        let document = try PolicyDocument.parse(text, in: .aws)
        #expect(document.version == .original)
        #expect(document.statements.first?.principals?.elements == [.anyone])
        #expect(document.statements.first?.actions == nil)
    }

    @Test func `every form of principal is told apart`() throws {
        let account = try account
        let user = try #require(UniqueID("AIDAABCDEFGHIJKLM2345"))
        let role = try #require(UniqueID("AROAABCDEFGHIJKLM2345"))
        let expected: [(String, PolicyPrincipal)] = [
            ("*", .anyIdentity),
            ("111122223333", .account(account)),
            ("arn:aws:iam::111122223333:root", .account(account)),
            ("arn:aws:iam::111122223333:user/a", .user(account, path: "/", name: "a")),
            ("arn:aws:iam::111122223333:user/b/c/a", .user(account, path: "/b/c/", name: "a")),
            ("arn:aws:iam::111122223333:role/b:c/a", .role(account, path: "/b:c/", name: "a")),
            ("arn:aws:sts::111122223333:assumed-role/a/s", .roleSession(account, role: "a", session: "s")),
            ("arn:aws:sts::111122223333:federated-user/a", .federatedUser(account, name: "a")),
            ("AIDAABCDEFGHIJKLM2345", .uniqueID(user)), ("AROAABCDEFGHIJKLM2345", .uniqueID(role)),
            ("AROAABCDEFGHIJKLM2345:s", .uniqueSession(role, session: "s")),
        ]
        for (text, principal) in expected {
            #expect(try PolicyPrincipal(aws: text, in: .aws) == principal)
        }
    }

    @Test(arguments: Partition.allCases)
    func `only ARNs of the key's partition are principals`(partition: Partition) throws {
        for other in Partition.allCases {
            let text = Principal.root(try account).arn(in: other)
            if other == partition {
                #expect(try PolicyPrincipal(aws: text, in: partition) == .account(try account))
            } else {
                #expect(throws: PolicyFailure.invalidPrincipal) { try PolicyPrincipal(aws: text, in: partition) }
            }
        }
    }

    @Test(arguments: ConditionOperator.Comparison.allCases)
    func `every operator is known in every form that it has`(comparison: ConditionOperator.Comparison) throws {
        for prefix in ["", "ForAllValues:", "ForAnyValue:"] {
            let plain = try #require(ConditionOperator(prefix + comparison.rawValue))
            #expect(plain.comparison == comparison)
            #expect(!plain.ifExists)
            #expect((plain.qualifier?.rawValue ?? "") == prefix.dropLast())
            let lenient = ConditionOperator(prefix + comparison.rawValue + "IfExists")
            #expect(lenient?.ifExists == (comparison == .null ? nil : true))
            #expect(ConditionOperator(prefix + comparison.rawValue.lowercased()) == nil)
        }
    }

    @Test func `there are twenty-seven operators`() {
        #expect(ConditionOperator.Comparison.allCases.count == 27)
    }

    private var account: AccountID { get throws { try #require(AccountID("111122223333")) } }
}
