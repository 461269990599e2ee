/// A key policy prepared for evaluation: made once when it is stored, asked with every request.
///
/// Asking allocates nothing, but for what conditions ask of the request.
package struct KeyPolicy: Sendable {
    /// What the policy says to one question.
    package enum Verdict: Sendable, Equatable {
        /// A `Deny` applies; `statement` is its position in the document, from 0.
        case denies(statement: Int)
        /// An `Allow` applies, and no other one admits the caller further.
        case admits(Admission, statement: Int)
        /// No statement applies.
        case silent
    }

    let statements: CompiledStatements

    /// Prepares `document`.
    package init(_ document: PolicyDocument) { statements = CompiledStatements(document) }

    /// What the policy says to `caller` doing `action` to the key with this ARN.
    ///
    /// - Parameter request: What conditions and policy variables ask.
    package func verdict(
        on caller: AccessCaller, doing action: ActionName, to arn: String, by request: any ConditionSource
    ) -> Verdict {
        let caller = FingerprintedCaller(caller)
        return action.folded.withUnsafeBufferPointer { action in
            arn.withUTF8Lent { arn in verdict(on: caller, action, arn, request) }
        }
    }

    private func verdict(
        on caller: borrowing FingerprintedCaller, _ action: UnsafeBufferPointer<UInt8>,
        _ arn: UnsafeBufferPointer<UInt8>, _ request: any ConditionSource
    ) -> Verdict {
        var budget = EvaluationBudget.ofDocument
        for statement in statements.denies
        where statement.admission(of: caller, action, arn, request, &budget) != nil {
            return .denies(statement: statement.position)
        }
        var best: (admission: Admission, statement: Int)?
        for statement in statements.allows {
            guard let admission = statement.admission(of: caller, action, arn, request, &budget) else { continue }
            if let known = best, known.admission >= admission { continue }
            best = (admission, statement.position)
            if admission == .byName { break }
        }
        guard let best else { return .silent }
        return .admits(best.admission, statement: best.statement)
    }
}
