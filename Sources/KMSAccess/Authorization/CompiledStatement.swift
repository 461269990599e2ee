import KMSModel

/// One statement prepared for evaluation.
///
/// A class, because an array of them is then walked without copying what each one holds.
final class CompiledStatement: Sendable {
    /// Where the statement stands in its document, from 0.
    let position: Int
    let effect: PolicyStatement.Effect
    /// The statement's label, if it has one.
    let sid: String?
    /// Nil in an identity policy, which is about whoever has it.
    private let principals: PrincipalMatcher?
    private let actions: PatternSelection
    private let resources: PatternSelection
    /// Resource patterns that depend on the request; then ``resources`` is everything.
    private let variableResources: (patterns: [TextTemplate], isComplement: Bool, written: [String])?
    /// All of them must hold.
    private let conditions: [CompiledCondition]
    /// The same conditions as they are written, for explanations.
    private let written: [WrittenCondition]

    /// Returns nil for a statement that can never apply: without actions, without resources, with a condition that
    /// compares with nothing, or about nobody.
    init?(
        _ statement: PolicyStatement, at position: Int, version: PolicyDocument.Version, of kind: PolicyDocument.Kind
    ) {
        let principals = statement.principals.flatMap { PrincipalMatcher($0, in: statement.effect) }
        guard principals != nil || statement.principals == nil, !statement.hasEmptyCondition,
            let actions = PatternSelection(statement.actions, foldingCase: true),
            let resources = PatternSelection(statement.resources)
        else { return nil }
        self.position = position
        effect = statement.effect
        sid = statement.sid
        self.principals = principals
        self.actions = actions
        let hasVariables = version == .current
        let templates = (statement.resources?.elements ?? []).map {
            TextTemplate($0, hasVariables: hasVariables, isResource: true)
        }
        if let selection = statement.resources, !templates.allSatisfy(\.isConstant) {
            variableResources = (templates, selection.isComplement, selection.elements)
            self.resources = .everything
        } else {
            variableResources = nil
            self.resources = resources
        }
        written = statement.conditions.flatMap { condition in
            condition.tests.map { WrittenCondition($0, condition.comparison) }
        }
        conditions = statement.conditions.flatMap { condition in
            condition.tests.map { test in
                let key = ConditionKey(test.key)
                // In a key policy such a key is as good as one that nobody knows.
                return CompiledCondition(
                    kind.isOfKey && key.isForIdentityPoliciesOnly ? .unknown : key, condition.comparison, test.values,
                    hasVariables: hasVariables
                )
            }
        }
    }

    /// How the statement applies to a caller, an action in lower case, a resource and a request; nil if it does not.
    func admission(
        of caller: borrowing FingerprintedCaller, _ action: UnsafeBufferPointer<UInt8>,
        _ resource: UnsafeBufferPointer<UInt8>, _ request: any ConditionSource, _ budget: inout EvaluationBudget
    ) -> Admission? {
        guard let admission = principals?.admission(of: caller), applies(to: action, resource, request, &budget)
        else { return nil }
        return admission
    }

    /// Whether the statement applies to an action in lower case, a resource and a request of whoever it is about.
    func applies(
        to action: UnsafeBufferPointer<UInt8>, _ resource: UnsafeBufferPointer<UInt8>, _ request: any ConditionSource,
        _ budget: inout EvaluationBudget
    ) -> Bool {
        // What does not hold keeps the statement from applying, wherever it stands beside what cannot be decided.
        var isUndecidable = false
        do throws(Undecidable) {
            guard try actions.contains(action, &budget) else { return false }
        } catch {
            isUndecidable = true
        }
        do throws(Undecidable) {
            guard try resources.contains(resource, &budget) else { return false }
            guard try variableResourcesContain(resource, request, &budget) else { return false }
        } catch {
            isUndecidable = true
        }
        for condition in conditions {
            do throws(Undecidable) {
                guard try condition.holds(for: request, &budget) == true else { return false }
            } catch {
                isUndecidable = true
            }
        }
        return !isUndecidable || effect == .deny
    }

    /// What becomes of the statement, and why.
    ///
    /// - Parameter caller: Nil for a statement that is about whoever has it.
    func fate(
        for caller: FingerprintedCaller?, _ action: UnsafeBufferPointer<UInt8>,
        _ resource: UnsafeBufferPointer<UInt8>, _ request: any ConditionSource, _ budget: inout EvaluationBudget
    ) -> StatementFate {
        let mismatch = mismatch(of: caller, action, resource, request, &budget)
        let naming = mismatch == nil ? caller.flatMap { principals?.naming(of: $0) } : nil
        return StatementFate(position: position, sid: sid, effect: effect, mismatch: mismatch, naming: naming)
    }

    /// The first thing that keeps the statement from applying; nil when it applies.
    ///
    /// - Parameter caller: Nil for a statement that is about whoever has it.
    func mismatch(
        of caller: FingerprintedCaller?, _ action: UnsafeBufferPointer<UInt8>,
        _ resource: UnsafeBufferPointer<UInt8>, _ request: any ConditionSource, _ budget: inout EvaluationBudget
    ) -> StatementMismatch? {
        if let principals, let caller, principals.admission(of: caller) == nil { return .principal }
        var isUndecidable = false
        do throws(Undecidable) {
            guard try actions.contains(action, &budget) else { return .action }
        } catch {
            isUndecidable = true
        }
        do throws(Undecidable) {
            guard try resources.contains(resource, &budget) else { return .resource }
            guard try variableResourcesContain(resource, request, &budget) else {
                let unset = TextTemplate.firstUnset(
                    in: variableResources?.written ?? [], areResources: true, for: request)
                return unset.map(StatementMismatch.variable) ?? .resource
            }
        } catch {
            isUndecidable = true
        }
        for (condition, written) in zip(conditions, written) {
            do throws(Undecidable) {
                if let mismatch = try condition.mismatch(written, with: request, &budget) { return mismatch }
            } catch {
                isUndecidable = true
            }
        }
        return isUndecidable && effect == .allow ? .undecidable : nil
    }

    /// A variable without a value makes the statement apply to nothing, also in its `Not` form.
    private func variableResourcesContain(
        _ resource: UnsafeBufferPointer<UInt8>, _ request: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool {
        guard let variableResources else { return true }
        var isListed = false
        for template in variableResources.patterns {
            guard let pattern = try template.pattern(for: request, &budget) else { return false }
            try budget.spend(pattern.count)
            let matches = try WildcardPatterns.matches(pattern[...], Array(resource)[...], &budget)
            isListed = isListed || matches
        }
        return isListed != variableResources.isComplement
    }
}

extension CompiledCondition {
    /// Why the condition does not hold; nil when it does.
    ///
    /// - Throws: ``Undecidable``.
    fileprivate func mismatch(
        _ written: WrittenCondition, with request: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> StatementMismatch? {
        switch try holds(for: request, &budget) {
        case true?: return nil
        case false?: return .condition(written, request: values(in: request))
        // Also when the text is not found again, the statement does not apply.
        case nil: return .variable(in: TextTemplate.firstUnset(in: written.values, for: request) ?? written.key)
        }
    }
}

/// Patterns of which one must match, or with the element's `Not` form none.
private struct PatternSelection: Sendable {
    private let patterns: WildcardPatterns
    private let isComplement: Bool
    private let isEverything: Bool

    static let everything = PatternSelection(patterns: WildcardPatterns(["*"]), isComplement: false)

    private init(patterns: WildcardPatterns, isComplement: Bool) {
        self.patterns = patterns
        self.isComplement = isComplement
        isEverything = !isComplement && patterns.includeEverything
    }

    /// Returns nil where the element is missing or lists nothing, also in its `Not` form, and where it excludes all.
    init?(_ selection: PolicySelection<String>?, foldingCase: Bool = false) {
        guard let selection, !selection.elements.isEmpty else { return nil }
        let patterns = WildcardPatterns(selection.elements, foldingCase: foldingCase)
        if selection.isComplement, patterns.includeEverything { return nil }
        self.init(patterns: patterns, isComplement: selection.isComplement)
    }

    func contains(
        _ text: UnsafeBufferPointer<UInt8>, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool {
        if isEverything { return true }
        return try patterns.match(text, &budget) != isComplement
    }
}
