import KMSModel

/// What the caller's own account says of a caller: identity policies, permissions boundary and session policies.
///
/// Source: IAM User Guide, "Policy evaluation logic".
package struct CallerPolicies: Sendable {
    enum Standing: Sendable {
        /// The root user, whom nothing in the account permits or limits.
        case root
        /// Somebody without policies of their own, such as an AWS service.
        case nobody
        case identity([IdentityPolicy], boundary: IdentityPolicy?, session: [IdentityPolicy]?)
    }

    let standing: Standing

    private init(_ standing: Standing) { self.standing = standing }

    /// Those of a root user, who may do everything that another account or a key's policy does not forbid.
    package static let root = CallerPolicies(.root)
    /// Those of somebody to whom no policy is attached.
    package static let none = CallerPolicies(.nobody)

    /// Those of a user or a role session.
    ///
    /// - Parameters:
    ///   - identity: All that is attached to the user and to the user's groups, or to the role.
    ///   - boundary: What limits the user or role, if anything does.
    ///   - session: What limits the session, or nil for one that was begun without.
    package init(identity: [IdentityPolicy], boundary: IdentityPolicy?, session: [IdentityPolicy]?) {
        standing = .identity(identity, boundary: boundary, session: session)
    }

    /// What one kind of policy says.
    enum Verdict: Equatable {
        case denies
        case allows
        case silent
    }

    /// What every kind of policy says to one question.
    struct Verdicts {
        let identity: Verdict
        /// Allows when there is none.
        let boundary: Verdict
        /// Allows when there is none.
        let session: Verdict

        /// The first kind that explicitly denies.
        var denial: Decision.Denial? {
            if identity == .denies { return .deniedByIdentityPolicy }
            if boundary == .denies { return .deniedByBoundary }
            return session == .denies ? .deniedBySessionPolicy : nil
        }

        /// The first kind that limits the caller by saying nothing.
        var limit: Decision.Denial? {
            if boundary != .allows { return .notInBoundary }
            return session != .allows ? .notInSessionPolicies : nil
        }

        /// The first kind that does not allow.
        var refusal: Decision.Denial? { identity != .allows ? .notInIdentityPolicies : limit }
    }

    /// What they say to `action` on `resource`.
    func verdicts(doing action: ActionName, to resource: String, by request: any ConditionSource) -> Verdicts {
        var budget = EvaluationBudget.ofCaller
        func verdict(_ policies: [IdentityPolicy]) -> Verdict {
            var result = Verdict.silent
            for policy in policies {
                switch policy.verdict(doing: action, to: resource, by: request, &budget) {
                case .denies: return .denies
                case .allows: result = .allows
                case .silent: break
                }
            }
            return result
        }
        switch standing {
        case .root: return Verdicts(identity: .allows, boundary: .allows, session: .allows)
        case .nobody: return Verdicts(identity: .silent, boundary: .allows, session: .allows)
        case .identity(let identity, let boundary, let session):
            return Verdicts(
                identity: verdict(identity), boundary: boundary.map { verdict([$0]) } ?? .allows,
                session: session.map(verdict) ?? .allows
            )
        }
    }
}

/// An identity policy, a permissions boundary or a session policy, prepared for evaluation.
package struct IdentityPolicy: Sendable {
    /// What the policy is called where a decision is explained.
    let label: String
    let statements: CompiledStatements

    /// A policy without statements, which allows nothing.
    package static let nothing = IdentityPolicy(
        PolicyDocument(kind: .identity, version: .current, id: nil, statements: [], source: .object(JSONObject())),
        label: "a policy that is gone")

    /// Prepares `document`, which was read as an identity policy.
    ///
    /// - Parameter label: What the policy is called where a decision is explained.
    package init(_ document: PolicyDocument, label: String = "") {
        self.label = label
        statements = CompiledStatements(document)
    }

    func verdict(
        doing action: ActionName, to resource: String, by request: any ConditionSource,
        _ budget: inout EvaluationBudget
    ) -> CallerPolicies.Verdict {
        return action.folded.withUnsafeBufferPointer { action in
            resource.withUTF8Lent { resource in
                if statements.denies.contains(where: { $0.applies(to: action, resource, request, &budget) }) {
                    return .denies
                }
                return statements.allows.contains(where: { $0.applies(to: action, resource, request, &budget) })
                    ? .allows : .silent
            }
        }
    }
}
