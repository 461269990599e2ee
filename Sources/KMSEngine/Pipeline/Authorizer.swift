import KMSAccess
import KMSIdentity
package import KMSModel

/// Proof that a caller may use a subject in the way that an operation does.
///
/// Only the authorizer makes one, so an operation that was not authorized does not compile.
package struct Permit<Subject: Sendable>: Sendable {
    /// What the operation works on.
    package let subject: Subject

    /// What each decision rests on, in the order in which they were made.
    let grounds: [Decision.Grounds]

    fileprivate init(subject: Subject, grounds: [Decision.Grounds]) {
        self.subject = subject
        self.grounds = grounds
    }
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
        let policies = context.identities.policies(of: caller)
        var grounds: [Decision.Grounds] = []
        for access in accesses {
            if case .hidden(let refusal) = access.resource { throw refusal }
            let (question, conditions) = access.question(amongst: accesses, of: operation, in: context)
            switch decision(on: access, question, conditions, policies) {
            case .allowed(let ground): grounds.append(ground)
            case .denied(let denial):
                if case .keyOfCiphertext = access.resource, question.isForeign {
                    throw .accessDeniedToHiddenKeyOfCiphertext(asker, doing: access.action, in: caller.region.partition)
                }
                throw .accessDenied(question, because: denial, in: caller.region.partition)
            }
        }
        return Permit(subject: subject, grounds: grounds)
    }

    /// The decision on one of `accesses`, and how it is come to; nothing is done.
    func explanation(
        of access: Access, amongst accesses: [Access], for operation: OperationDescription, in context: RequestContext,
        hidingKey isHidden: Bool
    ) -> Explanation {
        let (question, conditions) = access.question(amongst: accesses, of: operation, in: context)
        let policies = context.identities.policies(of: context.caller)
        if case .grant(_, let grant) = access.resource {
            return question.explanation(retiring: grant, policies: policies, hidingKey: isHidden)
        }
        let fates = access.key.map { context.grantFates(on: $0, doing: access.action, conditions) } ?? []
        return question.explanation(
            under: access.key?.policy, grants: fates, policies: policies, hidingKey: isHidden)
    }

    private func decision(
        on access: Access, _ question: AccessQuestion, _ conditions: RequestConditions, _ policies: CallerPolicies
    ) -> Decision {
        if case .grant(_, let grant) = access.resource { return question.decision(retiring: grant, policies: policies) }
        let grants = access.key.map { conditions.context.grants(on: $0, doing: access.action, conditions) } ?? .silent
        return question.decision(under: access.key?.policy, grants: grants, policies: policies)
    }
}

extension RequestContext {
    /// What the grants on `key` say to the caller doing `action`.
    fileprivate func grants(
        on key: KeySnapshot, doing action: ActionName, _ conditions: RequestConditions
    ) -> GrantAnswer {
        guard directory.grants.hasGrants(on: key.arn), let operation = GrantOperation(action) else { return .silent }
        let context = conditions.encryptionContext
        let asker = AccessCaller.principal(caller.principal)
        var answer = GrantAnswer.silent
        for grant in grants(on: key) {
            answer = max(answer, grant.answer(to: asker, doing: operation, in: context))
            if answer == .allowsCaller { break }
        }
        return answer
    }

    /// What becomes of each grant on `key` to whoever the caller is.
    fileprivate func grantFates(
        on key: KeySnapshot, doing action: ActionName, _ conditions: RequestConditions
    ) -> [Explanation.GrantFate] {
        let context = conditions.encryptionContext
        return grants(on: key).map { grant in
            let id = grant.record.id.description
            guard let operation = GrantOperation(action), grant.record.operations.contains(operation) else {
                return Explanation.GrantFate(id: id, answer: .silent, reason: "It does not list \(action).")
            }
            let answer = grant.answer(to: .principal(caller.principal), doing: operation, in: context)
            let reason =
                answer == .silent ? "Its encryption context constraint is not met." : "It permits \(action)."
            return Explanation.GrantFate(id: id, answer: answer, reason: reason)
        }
    }

    /// The grants on `key` each of which permits `operation` to the caller, without the key's policy and other grants.
    func grants(permitting operation: OperationDescription, on key: KeySnapshot) -> [Grant] {
        guard let granted = GrantOperation(operation.action) else { return [] }
        let access = Access(operation.action, on: .key(key, checksState: false))
        let (question, conditions) = access.question(amongst: [access], of: operation, in: self)
        let context = conditions.encryptionContext
        let policies = identities.policies(of: caller)
        // There are few answers and perhaps thousands of grants.
        var decisions: [GrantAnswer: Bool] = [.silent: false]
        return grants(on: key).filter { grant in
            let answer = grant.answer(to: .principal(caller.principal), doing: granted, in: context)
            if let known = decisions[answer] { return known }
            let isAllowed = question.decision(under: nil, grants: answer, policies: policies).isAllowed
            decisions[answer] = isAllowed
            return isAllowed
        }
    }

    /// The grants on `key` to whoever the caller is.
    func grants(on key: KeySnapshot) -> [Grant] {
        directory.grants.grants(on: key.arn, to: caller.principal.granteeNames(in: key.arn.region.partition))
    }
}

extension GrantOperation {
    /// What a grant must list for an IAM action; nil for an action that no grant permits.
    fileprivate init?(_ action: ActionName) {
        self.init(rawValue: String(action.description.dropFirst("kms:".count)))
    }
}

extension Principal {
    /// Everything by which a grant can name the principal.
    fileprivate func granteeNames(in partition: Partition) -> [String] {
        let account = Principal.root(account).arn(in: partition)
        switch self {
        case .root: return [account]
        case .user(_, _, _, let id): return [id.description, account]
        case .roleSession(_, _, _, _, let id): return [userID, id.description, account]
        }
    }
}

extension Access {
    /// The key that is acted on, if it is one.
    package var key: KeySnapshot? {
        switch resource {
        case .key(let key, _), .keyOfCiphertext(let key), .grant(let key, _): key
        case .alias, .identity, .account, .hidden: nil
        }
    }

    /// What policies may ask of the request when this is decided.
    private func conditions(
        amongst all: [Access], of operation: OperationName, in context: RequestContext
    ) -> RequestConditions {
        let keys = all.count > 1 ? all.compactMap(\.key) : []
        var conditions = RequestConditions(
            context: context, operation: operation, action: action,
            // The key that a replica is to be made of says what kind the replica will be.
            key: key ?? (operation == .replicateKey ? keys.first : nil)
        )
        if case .alias = resource { conditions.isAlias = true }
        if case .grant(_, let grant) = resource { conditions.grant = grant }
        conditions.isOnSameKey = keys.count == 2 && keys[0].arn == keys[1].arn
        return conditions
    }

    /// What is to be decided about this, which is one of `accesses`.
    fileprivate func question(
        amongst accesses: [Access], of operation: OperationDescription, in context: RequestContext
    ) -> (AccessQuestion, RequestConditions) {
        let conditions = conditions(amongst: accesses, of: operation.name, in: context)
        let question = AccessQuestion(
            caller: .principal(context.caller.principal), action: action, resource: target,
            crossesAccounts: operation.isCrossAccount, request: conditions
        )
        return (question, conditions)
    }

    private var target: AccessQuestion.Resource {
        switch resource {
        case .key(let key, _), .keyOfCiphertext(let key), .grant(let key, _):
            .key(arn: key.arnText, owner: key.arn.account)
        case .alias(let alias): .outsideKeyPolicies(alias.description)
        case .identity(let arn): .outsideKeyPolicies(arn)
        case .account, .hidden: .outsideKeyPolicies("*")
        }
    }
}
