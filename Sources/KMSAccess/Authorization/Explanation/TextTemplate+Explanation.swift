extension TextTemplate {
    /// The first of `texts`, as a document with variables has them, in which a variable has no value that it can stand for.
    ///
    /// - Parameter areResources: Whether they are ARNs of resources.
    static func firstUnset(
        in texts: [String], areResources: Bool = false, for request: any ConditionSource
    ) -> String? {
        var budget = EvaluationBudget.ofDocument
        return texts.first { text in
            let template = TextTemplate(text, hasVariables: true, isResource: areResources)
            return (try? template.text(for: request, &budget)) == .some(nil)
        }
    }
}
