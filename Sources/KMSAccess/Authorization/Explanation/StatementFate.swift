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
    /// It has no actions, no resources or a condition without values, or is about nobody.
    case ineffective
    case principal
    case action
    case resource
    /// A condition does not hold; `request` is what the request has under the key, or nil where that is not to be seen.
    case condition(WrittenCondition, request: [String]?)
    /// What a condition compares is ambiguous, or too long.
    case undecidable
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
    /// The same without what a condition asked of a key that whoever reads it may not look at.
    ///
    /// - Parameter isHidden: Whether the value under a key is not to be seen.
    func hiding(_ isHidden: (ConditionKey) -> Bool) -> StatementFate {
        guard case .condition(let written, _)? = mismatch, isHidden(ConditionKey(written.key)) else { return self }
        return StatementFate(
            position: position, sid: sid, effect: effect, mismatch: .condition(written, request: nil), naming: naming)
    }

    /// Why the statement applies or does not, in a sentence.
    package var reason: String {
        switch mismatch {
        case nil: return naming.map { "It applies: \($0.clause)." } ?? "It applies."
        case .ineffective:
            return "It can never apply: it lacks actions, resources or the values of a condition, or is about nobody."
        case .principal: return "It is not about this principal."
        case .action: return "It is not about this action."
        case .resource: return "It is not about this resource."
        case .condition(let condition, let request):
            let has =
                switch request {
                case nil: "what the key has is not shown"
                case []: "the request has no \(condition.key)"
                case let values?: "the request has \(Self.list(values))"
                }
            return "Its condition does not hold: \(condition.comparison) \(condition.key) "
                + "\(Self.list(condition.values)), and \(has)."
        case .undecidable:
            return "What its condition compares is ambiguous or too long: such a statement allows nothing."
        case .variable(let text):
            return "It has \"\(text)\", and the request has no single value for a variable in it."
        }
    }

    private static func list(_ values: [String]) -> String {
        values.count == 1 ? "\"\(values[0])\"" : "[" + values.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
    }
}
