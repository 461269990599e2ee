extension TextTemplate {
    /// The first of `texts`, as a document with variables has them, in which a variable has no value that it can stand for.
    static func firstUnset(in texts: [String], for request: any ConditionSource) -> String? {
        texts.first { (try? TextTemplate($0, hasVariables: true).text(for: request)) == .some(nil) }
    }
}
