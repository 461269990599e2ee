package import KMSAccess
package import KMSModel

/// Proof that a caller may use a subject in the way that an operation does.
///
/// Only the authorizer makes one, so an operation that was not authorized does not compile.
package struct Permit<Subject: Sendable>: Sendable {
    /// What the operation works on.
    package let subject: Subject

    fileprivate init(subject: Subject) { self.subject = subject }
}

/// Decides whether a caller may do what a request asks.
package struct Authorizer: Sendable {
    package init() {}

    /// Decides each of `accesses`, in order, and permits the use of `subject` when all are allowed.
    ///
    /// - Throws: ``KMSError`` with `AccessDeniedException` for the first that is not.
    package func permit<Subject>(
        _ subject: Subject, _ accesses: [Access], for operation: OperationDescription, caller: Caller
    ) throws(KMSError) -> Permit<Subject> {
        let asker = AccessCaller.principal(caller.principal)
        let identity = IdentityAnswer(for: asker)
        for access in accesses {
            let question = AccessQuestion(
                caller: asker, action: access.action, resource: access.question,
                crossesAccounts: operation.isCrossAccount
            )
            let decision = question.decision(under: access.keyPolicy, identity: identity)
            guard case .denied(let denial) = decision else { continue }
            if case .keyOfCiphertext = access.resource, question.isForeign {
                throw .accessDeniedToHiddenKeyOfCiphertext(asker, doing: access.action, in: caller.region.partition)
            }
            throw .accessDenied(question, because: denial, in: caller.region.partition)
        }
        return Permit(subject: subject)
    }
}

extension Access {
    /// The key that is acted on, if it is one.
    package var key: KeySnapshot? {
        switch resource {
        case .key(let key, _), .keyOfCiphertext(let key): key
        case .alias, .account: nil
        }
    }

    fileprivate var keyPolicy: KeyPolicy? { key?.policy }

    fileprivate var question: AccessQuestion.Resource {
        switch resource {
        case .key(let key, _), .keyOfCiphertext(let key): .key(arn: key.arnText, owner: key.arn.account)
        case .alias(let alias): .outsideKeyPolicies(alias.description)
        case .account: .outsideKeyPolicies("*")
        }
    }
}
