import KMSAccess
import KMSModel
import Testing

struct PolicyPropertyTests {
    @Test(arguments: 1...10)
    func `a random policy decides as its meaning says`(seed: UInt64) throws {
        var random = PolicyRandom(seed: seed)
        for _ in 0..<40 {
            let model = ModelPolicy.random(&random)
            let policy = try model.compiled()
            for _ in 0..<6 {
                let question = ModelQuestion.random(&random)
                #expect(
                    try question.decision(under: policy) == model.expectedDecision(on: question),
                    "\(question) under \(model.text)"
                )
            }
        }
    }

    @Test(arguments: 1...10)
    func `adding a denial never allows`(seed: UInt64) throws {
        try compare(seed) { statements, random in
            var denial = ModelStatement.random(&random)
            denial.isDenial = true
            statements.insert(denial, at: Int.random(in: 0...statements.count, using: &random))
        }
    }

    @Test(arguments: 1...10)
    func `taking a permission away never allows`(seed: UInt64) throws {
        try compare(seed) { statements, random in
            let permissions = statements.indices.filter { !statements[$0].isDenial }
            guard !permissions.isEmpty, statements.count > 1 else { return }
            statements.remove(at: random.pick(permissions))
        }
    }

    @Test(arguments: 1...10)
    func `a condition on a permission never allows`(seed: UInt64) throws {
        try compare(seed) { statements, random in
            let permissions = statements.indices.filter { !statements[$0].isDenial }
            guard !permissions.isEmpty else { return }
            statements[random.pick(permissions)].isConditional = true
        }
    }

    @Test(arguments: 1...10)
    func `random JSON is a policy or is refused`(seed: UInt64) {
        var random = PolicyRandom(seed: seed)
        for _ in 0..<200 { expectPolicyOrRefusal(PolicyText.print(RandomJSON.value(&random, depth: 0))) }
    }

    @Test(arguments: 1...10)
    func `a policy with a changed byte is a policy or is refused`(seed: UInt64) {
        var random = PolicyRandom(seed: seed)
        for _ in 0..<60 {
            var bytes = Array(ModelPolicy.random(&random).text.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = random.pick(Array(#"{}[]":,*?\ aA0"#.utf8))
            }
            expectPolicyOrRefusal(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// A text that is read must be able to be stored, shown and read again, and let nobody in without an `Allow`.
    private func expectPolicyOrRefusal(_ text: String) {
        guard let document = try? PolicyDocument.parse(text, in: .aws) else { return }
        #expect(throws: Never.self) { try PolicyDocument.parse(document.text, in: .aws) }
        var random = PolicyRandom(seed: 1)
        let question = ModelQuestion.random(&random)
        let isAllowed = (try? question.decision(under: KeyPolicy(document)).isAllowed) ?? false
        #expect(!isAllowed || document.statements.contains { $0.effect == .allow && $0.conditions.isEmpty })
    }

    /// Asks before and after `change`, which may only take away.
    private func compare(_ seed: UInt64, _ change: (inout [ModelStatement], inout PolicyRandom) -> Void) throws {
        var random = PolicyRandom(seed: seed)
        var allowedCount = 0
        for _ in 0..<60 {
            var model = ModelPolicy.random(&random)
            let before = try model.compiled()
            change(&model.statements, &random)
            let after = try model.compiled()
            let question = ModelQuestion.random(&random)
            let wasAllowed = try question.decision(under: before).isAllowed
            if wasAllowed { allowedCount += 1 }
            #expect(try wasAllowed || !question.decision(under: after).isAllowed, "\(question) under \(model.text)")
        }
        // Otherwise the property would hold of a policy that never allows.
        #expect(allowedCount > 0)
    }
}

/// JSON that is often close to a policy.
private enum RandomJSON {
    static func value(_ random: inout PolicyRandom, depth: Int) -> JSONValue {
        switch Int.random(in: depth > 4 ? 2...6 : 0...6, using: &random) {
        case 0:
            let count = Int.random(in: 0...3, using: &random)
            return .array((0..<count).map { _ in value(&random, depth: depth + 1) })
        case 1:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                object.append(random.pick(words), value(&random, depth: depth + 1))
            }
            return .object(object)
        case 2: return random.pick([.null, .bool(true), .number("1e9")])
        default: return .string(random.pick(words))
        }
    }

    private static let words = [
        "Version", "2012-10-17", "Id", "Statement", "Sid", "Effect", "Allow", "Deny", "Principal", "NotPrincipal",
        "AWS", "Service", "*", "111122223333", "Action", "NotAction", "kms:*", "Resource", "NotResource",
        "Condition", "StringEquals", "kms:ViaService", "",
    ]
}
