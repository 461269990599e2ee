import KMSAccess
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
        _ subject: Subject, _ accesses: [Access], for operation: OperationDescription, in context: RequestContext
    ) throws(KMSError) -> Permit<Subject> {
        let caller = context.caller
        let asker = AccessCaller.principal(caller.principal)
        let policies = CallerPolicies(of: caller.principal)
        for access in accesses {
            let question = AccessQuestion(
                caller: asker, action: access.action, resource: access.question,
                crossesAccounts: operation.isCrossAccount,
                request: access.conditions(amongst: accesses, of: operation.name, in: context)
            )
            let decision = question.decision(under: access.keyPolicy, policies: policies)
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

    /// What policies may ask of the request when this is decided.
    fileprivate func conditions(
        amongst all: [Access], of operation: OperationName, in context: RequestContext
    ) -> RequestConditions {
        let keys = all.compactMap(\.key)
        var conditions = RequestConditions(
            context: context, operation: operation, action: action,
            // The key that a replica is to be made of says what kind the replica will be.
            key: key ?? (operation == .replicateKey ? keys.first : nil)
        )
        if case .alias = resource { conditions.isAlias = true }
        conditions.isOnSameKey = keys.count == 2 && keys[0] === keys[1]
        return conditions
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

extension CallerPolicies {
    /// Those of a caller while there are no users and roles: a root user may do everything, nobody else anything.
    init(of principal: Principal) {
        if case .root = principal { self = .root } else { self = .none }
    }
}
