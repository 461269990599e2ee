import KMSAccess
import KMSConsole
import KMSModel
import Testing

/// What the wizard for new keys reads in its forms.
struct KeyPlanTests {
    private static let administrator = "arn:aws:iam::111122223333:user/Admin"
    private static let user = "arn:aws:iam::111122223333:role/team/App"

    private func realm(_ region: String = "us-east-1") throws -> Realm {
        Realm(account: try #require(AccountID("111122223333")), region: try #require(Region(region)))
    }

    private func plan(_ pairs: KeyValuePairs<String, String>) throws -> KeyPlan {
        let form = pairs.map { "\($0.key)=\(escaped($0.value))" }.joined(separator: "&")
        return KeyPlan(try #require(FormFields(form.utf8)))
    }

    private func escaped(_ text: String) -> String {
        text.utf8.map { "%" + Hex.encode([$0]) }.joined()
    }

    /// A plan that nothing is wrong with, but for these fields, which come first and count.
    private func plan(with pairs: KeyValuePairs<String, String>) throws -> KeyPlan {
        let usual = [
            ("usage", "ENCRYPT_DECRYPT"), ("spec", "SYMMETRIC_DEFAULT"), ("origin", "AWS_KMS"), ("deletion", "on"),
        ]
        let form = (pairs.map { ($0.key, $0.value) } + usual).map { "\($0)=\(escaped($1))" }.joined(separator: "&")
        return KeyPlan(try #require(FormFields(form.utf8)))
    }

    @Test func `the choice of a type and usage says which spec counts`() throws {
        let plan = try plan([
            "type": "asymmetric", "usage-symmetric": "GENERATE_VERIFY_MAC", "usage-asymmetric": "SIGN_VERIFY",
            "spec-symmetric-GENERATE_VERIFY_MAC": "HMAC_256", "spec-asymmetric-ENCRYPT_DECRYPT": "RSA_4096",
            "spec-asymmetric-SIGN_VERIFY": "ECC_NIST_P384", "origin": "EXTERNAL", "regions": "multi",
        ])
        #expect(plan.usage == .signVerify && plan.spec == .eccNISTP384)
        #expect(plan.origin == .external && plan.isMultiRegion)
        #expect(plan.problems(at: .kind, in: try realm()).isEmpty)
    }

    @Test(arguments: ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])
    func `a key in a custom key store is asked for with it, and with the key that is behind it`(origin: String) throws {
        let store = "cks-0123456789abcdef0"
        let written = try plan(with: [
            "origin": origin, "key-store-\(origin)": store, "key-store-AWS_KMS": "cks-1", "external-key": " orders.1 ",
        ])
        #expect(written.problems(at: .kind, in: try realm()).isEmpty)
        let isExternal = origin == "EXTERNAL_KEY_STORE"
        let request = try #require(written.request(in: try realm()))
        #expect(request.text("CustomKeyStoreId") == store && request.text("Origin") == origin)
        #expect(request.text("XksKeyId") == (isExternal ? "orders.1" : nil))
        let form = written.fields(beside: .review).map { "\($0.name)=\(escaped($0.value))" }.joined(separator: "&")
        #expect(KeyPlan(try #require(FormFields(form.utf8))) == written)
    }

    @Test func `a key that no custom key store can have is not asked for`() throws {
        let store = "cks-0123456789abcdef0"
        for (pairs, field) in [
            (["origin": "AWS_CLOUDHSM"], "store"), (["origin": "AWS_CLOUDHSM", "key-store": "cks-1"], "store"),
            (["origin": "AWS_CLOUDHSM", "key-store": store, "regions": "multi"], "origin"),
            (["origin": "AWS_CLOUDHSM", "key-store": store, "spec": "RSA_2048"], "origin"),
            (["origin": "EXTERNAL_KEY_STORE", "key-store": store], "external"),
            (["origin": "EXTERNAL_KEY_STORE", "key-store": store, "external-key": "a/b"], "external"),
        ] as [(KeyValuePairs<String, String>, String)] {
            #expect(try plan(with: pairs).problems(at: .kind, in: try realm())[field] != nil, "\(pairs)")
        }
        let ordinary = try plan(with: ["key-store": store, "external-key": "k"]).request(in: try realm())
        #expect(ordinary?.text("CustomKeyStoreId") == nil && ordinary?.text("XksKeyId") == nil)
    }

    @Test func `every answer comes back from the hidden fields of the other steps`() throws {
        let written = try plan([
            "usage": "GENERATE_VERIFY_MAC", "spec": "HMAC_512", "origin": "EXTERNAL", "regions": "multi",
            "alias": "alias/a/b", "description": "<b>two\r\nlines</b>", "tag-key": "team", "tag-value": "a&b=c",
            "administrator": Self.administrator, "administrator-arns": " \(Self.user)\r\n\(Self.administrator) ",
            "user": Self.user, "account": "444455556666, 555566667777", "policy": "{ \"mine\": 1 }",
        ])
        #expect(written.alias == "a/b" && written.description == "<b>two\nlines</b>")
        #expect(written.administrators == [Self.administrator, Self.user])
        #expect(written.accounts == ["444455556666", "555566667777"] && !written.administratorsMayDelete)
        let policy = written.fields(beside: .kind).filter { $0.name == "policy" }
        let form = (written.fields(beside: .review) + policy).map { "\($0.name)=\(escaped($0.value))" }
        #expect(KeyPlan(try #require(FormFields(form.joined(separator: "&").utf8))) == written)
    }

    @Test(arguments: [
        (KeyPlan.Step.kind, "spec"), (.labels, "tag-key"), (.administrators, "deletion"), (.users, "user"),
        (.review, "policy"),
    ])
    func `a step's own fields are not hidden in it`(step: KeyPlan.Step, own: String) throws {
        let plan = try plan(with: ["tag-key": "a", "tag-value": "b", "user": Self.user, "policy": "{}"])
        for other in KeyPlan.Step.allCases {
            #expect(plan.fields(beside: other).contains { $0.name == own } == (other != step))
        }
    }

    @Test(arguments: ["", " \r\n\t"])
    func `an emptied policy is no choice of the standard one`(text: String) throws {
        let emptied = try plan(with: ["policy": text])
        #expect(emptied.firstProblem(upTo: .review, in: try realm())?.problems.keys.sorted() == ["policy"])
        #expect(try plan(with: [:]).firstProblem(upTo: .review, in: realm()) == nil)
        var anew = emptied
        anew.forgetPolicy()
        #expect(anew.firstProblem(upTo: .review, in: try realm()) == nil)
    }

    @Test func `rows without anything are no tags`() throws {
        let plan = try plan(with: [
            "tag-key": "", "tag-value": "", "tag-key": " team ", "tag-value": "", "tag-key": "", "tag-value": "lost",
        ])
        #expect(plan.tags == [KeyPlan.Tag(key: "team", value: ""), KeyPlan.Tag(key: "", value: "lost")])
        #expect(plan.problems(at: .labels, in: try realm())["tags"] == "The value lost has no key.")
    }

    @Test(arguments: [
        (KeyPlan.Step.kind, "spec", "spec", "RSA_2047"),
        (.kind, "spec", "spec", "HMAC_256"),
        (.kind, "spec", "usage", "SIGN_VERIFY"),
        (.kind, "store", "origin", "AWS_CLOUDHSM"),
        (.kind, "origin", "origin", "AWS"),
        (.labels, "alias", "alias", "aws/mine"),
        (.labels, "alias", "alias", "<script>"),
        (.administrators, "administrator", "administrator", "arn:aws:iam::111122223333:group/all"),
        (.administrators, "administrator", "administrator", "*"),
        (.administrators, "administrator", "administrator-arns", "arn:aws:iam::444455556666:user/a"),
        (.users, "user", "user", "arn:aws-cn:iam::111122223333:user/a"),
        (.users, "account", "account", "44445555666"),
        (.users, "account", "account", "111122223333"),
    ])
    func `a problem is said at its field and its step`(
        step: KeyPlan.Step, field: String, name: String, value: String
    ) throws {
        let plan = try plan(with: [name: value])
        #expect(Array(plan.problems(at: step, in: try realm()).keys) == [field])
        // A form that says it is of the last step is looked at from the first on.
        #expect(plan.firstProblem(upTo: .review, in: try realm())?.step == step)
    }

    @Test func `an empty form makes no key`() throws {
        let plan = try plan([:])
        #expect(plan.firstProblem(upTo: .review, in: try realm())?.step == .kind)
        #expect(plan.request(in: try realm()) == nil)
    }

    @Test func `what does not go together is refused`() throws {
        let imported = try plan(["usage": "SIGN_VERIFY", "spec": "ML_DSA_44", "origin": "EXTERNAL"])
        #expect(Array(imported.problems(at: .kind, in: try realm()).keys) == ["origin"])
        let chinese = try plan(["usage": "SIGN_VERIFY", "spec": "SM2", "origin": "AWS_KMS"])
        #expect(Array(chinese.problems(at: .kind, in: try realm()).keys) == ["spec"])
        #expect(chinese.problems(at: .kind, in: try realm("cn-north-1")).isEmpty)
    }

    @Test func `two tags of one key and long texts are refused`() throws {
        let twice = try plan(with: ["tag-key": "a", "tag-value": "1", "tag-key": "a", "tag-value": "2"])
        #expect(twice.problems(at: .labels, in: try realm())["tags"] == "Two tags have the same key.")
        let long = try plan(with: ["description": String(repeating: "x", count: 8193)])
        #expect(Array(long.problems(at: .labels, in: try realm()).keys) == ["description"])
    }

    @Test func `the request has the policy of the answers until another is written`() throws {
        let answers = try plan(with: ["administrator": Self.administrator, "alias": "a"])
        let standard = try #require(answers.standardPolicy(in: try realm()))
        _ = try PolicyDocument.parse(standard, in: .aws)
        #expect(standard.contains(Self.administrator) && standard.contains("kms:ScheduleKeyDeletion"))
        #expect(answers.request(in: try realm())?["Policy"] == .string(standard))
        var edited = try plan(with: ["administrator": Self.administrator, "policy": "{}"])
        #expect(edited.request(in: try realm())?["Policy"] == .string("{}"))
        edited.forgetPolicy()
        #expect(edited.request(in: try realm())?["Policy"] == .string(standard))
    }
}
