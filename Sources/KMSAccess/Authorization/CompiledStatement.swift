import KMSModel

/// One statement prepared for evaluation.
///
/// A class, because an array of them is then walked without copying what each one holds.
final class CompiledStatement: Sendable {
    /// Where the statement stands in its document, from 0.
    let position: Int
    let effect: PolicyStatement.Effect
    private let principals: PrincipalMatcher
    private let actions: PatternSelection
    private let resources: PatternSelection
    /// Whether the request's context decides too: there are conditions, or policy variables in the resources.
    private let isConditional: Bool

    /// Returns nil for a statement that can never apply: without actions, without resources, or about nobody.
    init?(_ statement: PolicyStatement, at position: Int, version: PolicyDocument.Version) {
        guard let principals = PrincipalMatcher(statement.principals),
            let actions = PatternSelection(statement.actions, foldingCase: true),
            let resources = PatternSelection(statement.resources)
        else { return nil }
        self.position = position
        effect = statement.effect
        self.principals = principals
        self.actions = actions
        let hasVariables = version == .current && statement.resources?.mentionsVariables == true
        self.resources = hasVariables ? .everything : resources
        isConditional = hasVariables || !statement.conditions.isEmpty
    }

    /// How the statement applies to a caller, an action in lower case and a resource; nil if it does not.
    func admission(
        of caller: borrowing FingerprintedCaller, _ action: UnsafeBufferPointer<UInt8>,
        _ resource: UnsafeBufferPointer<UInt8>
    ) -> Admission? {
        guard let admission = principals.admission(of: caller), actions.contains(action),
            resources.contains(resource), conditionsHold
        else { return nil }
        return admission
    }

    /// The seam for the evaluation of conditions and policy variables.
    ///
    /// Until they are evaluated, a statement that has any fails closed: as an `Allow` it never applies, as a `Deny`
    /// always.
    private var conditionsHold: Bool { !isConditional || effect == .deny }
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

    func contains(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        isEverything || patterns.match(text) != isComplement
    }
}

extension PolicySelection<String> {
    /// Bytes are compared, because a brace with an accent on it is another character but still opens a variable.
    fileprivate var mentionsVariables: Bool {
        elements.contains { element in
            zip(element.utf8, element.utf8.dropFirst()).contains { $0 == UInt8(ascii: "$") && $1 == UInt8(ascii: "{") }
        }
    }
}
