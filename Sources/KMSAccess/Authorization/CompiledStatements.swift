/// The statements of one document, prepared for evaluation.
struct CompiledStatements: Sendable {
    let denies: [CompiledStatement]
    let allows: [CompiledStatement]
    /// Those that can never apply, which no question is put to.
    let ineffective: [StatementFate]

    init(_ document: PolicyDocument) {
        var (denies, allows): ([CompiledStatement], [CompiledStatement]) = ([], [])
        var ineffective: [StatementFate] = []
        for (position, statement) in document.statements.enumerated() {
            guard
                let compiled = CompiledStatement(
                    statement, at: position, version: document.version, of: document.kind)
            else {
                ineffective.append(
                    StatementFate(
                        position: position, sid: statement.sid, effect: statement.effect, mismatch: .ineffective,
                        naming: nil))
                continue
            }
            if compiled.effect == .deny { denies.append(compiled) } else { allows.append(compiled) }
        }
        self.denies = denies
        self.allows = allows
        self.ineffective = ineffective
    }

    /// What becomes of each statement, in the order of the document.
    func fates(
        of caller: FingerprintedCaller?, doing action: ActionName, to resource: String, by request: any ConditionSource
    ) -> [StatementFate] {
        var budget = EvaluationBudget.ofDocument
        let fates = action.folded.withUnsafeBufferPointer { action in
            resource.withUTF8Lent { resource in
                (denies + allows).map { $0.fate(for: caller, action, resource, request, &budget) }
            }
        }
        return (fates + ineffective).sorted { $0.position < $1.position }
    }
}
