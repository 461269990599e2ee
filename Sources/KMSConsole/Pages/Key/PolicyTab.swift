import KMSModel

/// Who may do what with a key, to read and to edit.
struct PolicyTab: KeyTab {
    static let template = Templates.Name.keyPolicy

    let page: KeyPage

    struct Content: Sendable {
        let groups: [PolicyReading.Group]
        let policy: String
        let rows: Int
        let isBypassing: Bool
    }

    func content() async throws(ConsoleFailure) -> Content {
        let stored = try await page.kms(.getKeyPolicy).text("Policy") ?? ""
        let shown = page.typed("policy", in: "put", else: stored)
        return Content(
            groups: PolicyReading.groups(of: stored), policy: shown,
            rows: min(40, max(12, shown.split(separator: "\n", omittingEmptySubsequences: false).count + 1)),
            isBypassing: page.visit.request.form.has("bypass"))
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let form = page.visit.request.form
        let text = form["policy"] ?? ""
        do throws(ConsoleFailure) {
            try await page.kms(
                .putKeyPolicy,
                [
                    "PolicyName": .string("default"), "Policy": .string(text),
                    "BypassPolicyLockoutSafetyCheck": .bool(form.has("bypass")),
                ])
        } catch {
            throw await page.visit.locating(error, inPolicy: text)
        }
        return .done("The key policy is changed.", goingTo: page.path(.policy))
    }
}

/// A policy as people read it: whom each statement is about, and what they may do.
enum PolicyReading {
    /// Statements of one purpose.
    struct Group: Sendable {
        let name: String
        let statements: [Statement]
    }

    struct Statement: Sendable {
        let label: String
        let isDenial: Bool
        let principals: [String]
        /// Whether it is about all but those.
        let isAboutOthers: Bool
        let actions: [String]
        let isAllBut: Bool
        let conditions: [String]
    }

    private enum Purpose: String, CaseIterable {
        case account = "The account, whose identity policies decide"
        case administration = "Key administrators"
        case use = "Key users"
        case grants = "Services on behalf of key users"
        case other = "Other statements"
        case denial = "Denied"
    }

    /// The statements by their purpose; none of a text that is no policy.
    static func groups(of text: String) -> [Group] {
        guard case .object(let document)? = try? JSONParser.parse(text.utf8) else { return [] }
        var statements = document.objects("Statement")
        if let only = document.object("Statement") { statements = [only] }
        return Purpose.allCases.compactMap { purpose in
            let own = statements.enumerated().filter { self.purpose(of: $0.element) == purpose }
            guard !own.isEmpty else { return nil }
            return Group(name: purpose.rawValue, statements: own.map { statement($0.element, at: $0.offset) })
        }
    }

    private static func purpose(of statement: JSONObject) -> Purpose {
        if statement.text("Effect") == "Deny" { return .denial }
        let actions = texts(statement["Action"])
        if actions.contains("kms:*"), principals(of: statement).allSatisfy({ $0.hasSuffix(":root") }) {
            return .account
        }
        if actions.contains(where: { ["kms:Put*", "kms:PutKeyPolicy", "kms:*", "kms:Create*"].contains($0) }) {
            return .administration
        }
        let uses = [
            "kms:Encrypt", "kms:Decrypt", "kms:Sign", "kms:Verify", "kms:GenerateMac", "kms:DeriveSharedSecret",
        ]
        if actions.contains(where: uses.contains) { return .use }
        return actions.contains("kms:CreateGrant") ? .grants : .other
    }

    private static func statement(_ object: JSONObject, at position: Int) -> Statement {
        let conditions = (object.object("Condition")?.members ?? []).flatMap { condition -> [String] in
            guard case .object(let tests) = condition.value else { return [] }
            return tests.members.map { test in
                "\(condition.name) \(test.name) \(texts(test.value).joined(separator: ", "))"
            }
        }
        return Statement(
            label: object.text("Sid") ?? "Statement \(position + 1)", isDenial: object.text("Effect") == "Deny",
            principals: principals(of: object), isAboutOthers: object["NotPrincipal"] != nil,
            actions: texts(object["Action"] ?? object["NotAction"]), isAllBut: object["NotAction"] != nil,
            conditions: conditions)
    }

    /// Whom a statement names, also those that it is not about.
    static func principals(of statement: JSONObject) -> [String] {
        switch statement["Principal"] ?? statement["NotPrincipal"] {
        case .object(let kinds)?: kinds.members.flatMap { texts($0.value) }
        case let value?: texts(value)
        case nil: []
        }
    }

    /// The texts of a list, or the one that stands without brackets.
    private static func texts(_ value: JSONValue?) -> [String] {
        switch value {
        case .array(let values)?: values.flatMap { texts($0) }
        case .string(let text)?, .number(let text)?: [text]
        case .bool(let flag)?: [flag ? "true" : "false"]
        default: []
        }
    }
}
