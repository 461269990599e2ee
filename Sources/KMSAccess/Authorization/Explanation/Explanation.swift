/// A decision with everything that led to it: what each statement of each document, and each grant, had to say.
///
/// The decision is made by the same code that answers requests, and the fates of statements by the same comparisons.
package struct Explanation: Sendable, Equatable {
    /// The answer, with its reason.
    package let decision: Decision
    /// The answer in a sentence that whoever asks may read.
    package let conclusion: String
    /// Every document that had a say, in the order in which they are asked.
    package let documents: [Document]
    /// The grants to whoever the caller is.
    package let grants: [GrantFate]
    /// What decided; empty where nothing that is written did.
    package let deciders: [Decider]
    /// How the decision was come to, one sentence for each step.
    package let steps: [String]

    /// A policy and what became of its statements.
    package struct Document: Sendable, Equatable {
        /// The part that a policy has in a decision.
        package enum Role: String, Sendable {
            case keyPolicy = "key policy"
            case identityPolicy = "identity policy"
            case boundary = "permissions boundary"
            case sessionPolicy = "session policy"
        }

        /// The part that it has.
        package let role: Role
        /// Which one it is.
        package let label: String
        /// Nil when whoever asks may not see the document.
        package let fates: [StatementFate]?

        /// The first statement that applies and has this effect.
        func first(_ effect: PolicyStatement.Effect) -> StatementFate? {
            fates?.first { $0.applies && $0.effect == effect }
        }
    }

    /// A grant and whether it permits what is asked.
    package struct GrantFate: Sendable, Equatable {
        /// Which grant it is.
        package let id: String
        /// How it allows the caller.
        package let answer: GrantAnswer
        /// Why it does or does not, in a sentence.
        package let reason: String

        package init(id: String, answer: GrantAnswer, reason: String) {
            self.id = id
            self.answer = answer
            self.reason = reason
        }
    }

    /// What decided: a statement of a document, or a grant.
    package struct Decider: Sendable, Equatable {
        /// The document, or the grant.
        package let label: String
        /// The statement's position from 0; nil for a grant.
        package let statement: Int?
        /// Its label, if it has one.
        package let sid: String?
    }
}

extension AccessQuestion {
    /// The decision on the question, and how it is come to.
    ///
    /// - Parameters:
    ///   - grants: The grants to whoever the caller is.
    ///   - isHidden: Whether the key's policy and grants are another account's, which whoever asks may not see.
    package func explanation(
        under keyPolicy: KeyPolicy?, grants: [Explanation.GrantFate], policies: CallerPolicies, hidingKey isHidden: Bool
    ) -> Explanation {
        let answer = grants.map(\.answer).max() ?? .silent
        let decision = decision(under: keyPolicy, grants: answer, policies: policies)
        var documents: [Explanation.Document] = []
        if case .key(let arn, _) = resource {
            let fates = keyPolicy?.statements.fates(
                of: FingerprintedCaller(caller), doing: action, to: arn, by: request)
            documents.append(
                Explanation.Document(
                    // Whoever named the key by an alias has not been told its ARN.
                    role: .keyPolicy, label: isHidden ? "the policy of the key" : "the policy of \(arn)",
                    fates: isHidden ? nil : fates ?? []))
        }
        documents += documentsOfAccount(policies, hiding: { isHidden && $0.isAboutKey })
        let shown = isHidden ? [] : grants
        let deciders = Self.deciders(of: decision, documents, shown)
        let conclusion = isHidden ? decision.conclusionOfHiddenKey : decision.conclusion
        return Explanation(
            decision: decision, conclusion: conclusion, documents: documents, grants: shown, deciders: deciders,
            steps: steps(documents, answer, isHidden: isHidden, policies) + [conclusion]
        )
    }

    /// The policies of the caller's own account.
    ///
    /// - Parameter isHidden: Whether what a condition asks under a key is left out.
    func documentsOfAccount(
        _ policies: CallerPolicies, hiding isHidden: (ConditionKey) -> Bool
    ) -> [Explanation.Document] {
        guard case .identity(let identity, let boundary, let session) = policies.standing else { return [] }
        func documents(_ policies: [IdentityPolicy], _ role: Explanation.Document.Role) -> [Explanation.Document] {
            policies.map { policy in
                let fates = policy.statements.fates(of: nil, doing: action, to: resourceName, by: request)
                return Explanation.Document(
                    role: role, label: policy.label, fates: fates.map { $0.hiding(isHidden) })
            }
        }
        return documents(identity, .identityPolicy) + documents([boundary].compactMap(\.self), .boundary)
            + documents(session ?? [], .sessionPolicy)
    }

    private var resourceName: String {
        switch resource {
        case .key(let arn, _): arn
        case .outsideKeyPolicies(let name): name
        }
    }

    /// The statements and the grant that a decision rests on, as far as they are shown.
    static func deciders(
        of decision: Decision, _ documents: [Explanation.Document], _ grants: [Explanation.GrantFate]
    ) -> [Explanation.Decider] {
        func statement(_ effect: PolicyStatement.Effect, in role: Explanation.Document.Role) -> [Explanation.Decider] {
            let found = documents.lazy.filter { $0.role == role }.compactMap { document in
                document.first(effect).map { (document, $0) }
            }.first
            return found.map { document, fate in
                [Explanation.Decider(label: document.label, statement: fate.position, sid: fate.sid)]
            } ?? []
        }
        func keyStatement(_ position: Int) -> [Explanation.Decider] {
            documents.filter { $0.role == .keyPolicy }.flatMap { document in
                (document.fates ?? []).filter { $0.position == position }.map {
                    Explanation.Decider(label: document.label, statement: position, sid: $0.sid)
                }
            }
        }
        let grant = grants.max { $0.answer < $1.answer }.map {
            [Explanation.Decider(label: "grant \($0.id)", statement: nil, sid: nil)]
        }
        switch decision {
        case .allowed(.keyPolicy(let position)), .denied(.deniedByKeyPolicy(let position)):
            return keyStatement(position)
        case .allowed(.keyPolicyAndIdentity(let position)):
            return keyStatement(position) + statement(.allow, in: .identityPolicy)
        case .allowed(.identity): return statement(.allow, in: .identityPolicy)
        case .allowed(.grant): return grant ?? []
        case .allowed(.grantAndIdentity): return (grant ?? []) + statement(.allow, in: .identityPolicy)
        case .denied(.deniedByIdentityPolicy): return statement(.deny, in: .identityPolicy)
        case .denied(.deniedByBoundary): return statement(.deny, in: .boundary)
        case .denied(.deniedBySessionPolicy): return statement(.deny, in: .sessionPolicy)
        case .denied(.notInKeyPolicy), .denied(.notInIdentityPolicies), .denied(.notInBoundary),
            .denied(.notInSessionPolicies), .denied(.notAcrossAccounts):
            return []
        }
    }
}
