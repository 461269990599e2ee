/// One condition key with all that it is compared with, prepared for evaluation.
///
/// Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued context keys".
///
/// A class, because an array of them is then walked without copying what each one holds.
final class CompiledCondition: Sendable {
    private let key: ConditionKey
    private let comparison: ConditionOperator
    /// Nil for `Null`.
    private let test: ConditionTest?
    /// Of `Null`: whether the key has to be absent, or present; both when both are listed.
    private let absences: [Bool]

    /// - Parameter key: What is asked, or ``ConditionKey/unknown`` when this kind of policy may not ask it.
    init(_ key: ConditionKey, _ comparison: ConditionOperator, _ values: [String], hasVariables: Bool) {
        self.key = key
        self.comparison = comparison
        test = ConditionTest(comparison.comparison, values, hasVariables: hasVariables)
        absences = values.compactMap(ConditionTest.boolean)
    }

    /// Whether the condition holds.
    ///
    /// - Parameter budget: What is left for the document's look-ups and comparisons.
    /// - Returns: Nil when a policy variable has no value: then the whole statement does not apply.
    /// - Throws: ``Undecidable``.
    func holds(
        for source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool? {
        let present = try budget.values(of: key, in: source)
        if case .one(let value) = present {
            guard let test else { return absences.contains(false) }
            // Of one value all set operators come to the same.
            guard let matched = try test.matches(value, source, &budget) else { return nil }
            return matched != comparison.isNegated
        }
        guard present != .ambiguous else { throw Undecidable() }
        guard let test else { return absences.contains(present.all.isEmpty) }
        switch comparison.qualifier {
        case .forAllValues: return try all(of: present.all, test, source, &budget)
        case .forAnyValue: return try any(of: present.all, test, source, &budget)
        case nil: break
        }
        // A key that is not there is unlike everything.
        guard !present.all.isEmpty else { return comparison.ifExists || comparison.isNegated }
        return comparison.isNegated
            ? try all(of: present.all, test, source, &budget) : try any(of: present.all, test, source, &budget)
    }

    /// What the request has under the key that is asked for.
    func values(in source: any ConditionSource) -> [String] { source.values(of: key).all }

    private func all(
        of values: [String], _ test: ConditionTest, _ source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool? {
        var result = true
        for value in values {
            guard let matched = try test.matches(value, source, &budget) else { return nil }
            result = result && matched != comparison.isNegated
        }
        return result
    }

    private func any(
        of values: [String], _ test: ConditionTest, _ source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool? {
        var result = false
        for value in values {
            guard let matched = try test.matches(value, source, &budget) else { return nil }
            result = result || matched != comparison.isNegated
        }
        return result
    }
}

extension ConditionOperator {
    /// Whether it asks that none of the listed values is like the request's.
    var isNegated: Bool {
        switch comparison {
        case .stringNotEquals, .stringNotEqualsIgnoreCase, .stringNotLike, .numericNotEquals, .dateNotEquals,
            .notIPAddress, .arnNotEquals, .arnNotLike:
            true
        default: false
        }
    }
}
