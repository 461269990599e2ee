/// What becomes of one statement when a question is put to its document.
package struct StatementFate: Sendable, Equatable {
    /// Where the statement stands in its document, from 0.
    package let position: Int
    /// The statement's label, if it has one.
    package let sid: String?
    /// What it does where it applies.
    package let effect: PolicyStatement.Effect
    /// What keeps it from applying; nil when it applies.
    package let mismatch: StatementMismatch?
    /// How it is about the caller; nil when it does not apply, and in a document that is about whoever has it.
    package let naming: CallerNaming?

    /// Whether the statement applies.
    package var applies: Bool { mismatch == nil }
}

/// The first thing that keeps a statement from applying.
package enum StatementMismatch: Sendable, Equatable {
    /// It has no actions or no resources, or is about nobody.
    case ineffective
    case principal
    case action
    case resource
    /// A condition does not hold; `request` is what the request has under the key.
    case condition(WrittenCondition, request: [String])
    /// A resource or a value of a condition, which is given as written, has a variable without exactly one value.
    case variable(in: String)
}

/// A condition on one key, as the policy has it.
package struct WrittenCondition: Sendable, Equatable {
    /// The operator, with what stands before and behind it.
    package let comparison: String
    /// The condition key, as written.
    package let key: String
    /// What it is compared with.
    package let values: [String]

    init(_ test: PolicyCondition.Test, _ comparison: ConditionOperator) {
        self.comparison = comparison.name
        key = test.key
        values = test.values
    }
}

extension StatementFate {
    /// Why the statement applies or does not, in a sentence.
    package var reason: String {
        switch mismatch {
        case nil: return naming.map { "It applies: \($0.clause)." } ?? "It applies."
        case .ineffective: return "It can never apply: it lacks actions or resources, or is about nobody."
        case .principal: return "It is not about this principal."
        case .action: return "It is not about this action."
        case .resource: return "It is not about this resource."
        case .condition(let condition, let request):
            let has =
                request.isEmpty
                ? "the request has no \(condition.key)" : "the request has \(Self.list(request))"
            return "Its condition does not hold: \(condition.comparison) \(condition.key) "
                + "\(Self.list(condition.values)), and \(has)."
        case .variable(let text):
            return "It has \"\(text)\", and the request has no single value for a variable in it."
        }
    }

    private static func list(_ values: [String]) -> String {
        values.count == 1 ? "\"\(values[0])\"" : "[" + values.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
    }
}
