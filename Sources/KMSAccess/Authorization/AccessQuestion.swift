package import KMSModel

/// Who asks: somebody with credentials, or an AWS service acting for itself.
package enum AccessCaller: Sendable, Hashable {
    /// A root user, a user or a role session.
    case principal(Principal)
    /// The service's domain name, such as `logs.amazonaws.com`.
    case service(String)

    /// The caller's account; services have none.
    package var account: AccountID? {
        switch self {
        case .principal(let principal): principal.account
        case .service: nil
        }
    }

    /// The caller as error texts name it.
    package func name(in partition: Partition) -> String {
        switch self {
        case .principal(let principal): principal.arn(in: partition)
        case .service(let name): name
        }
    }
}

/// One thing that somebody wants to do, as authorization sees it.
package struct AccessQuestion: Sendable {
    /// What an operation is authorized against.
    package enum Resource: Sendable, Equatable {
        /// A key that exists: its ARN, and the account that owns it.
        case key(arn: String, owner: AccountID)
        /// Anything else, where only the caller's own account decides: an alias's ARN, or `*` for operations without a
        /// resource.
        case outsideKeyPolicies(String)
    }

    /// Who asks.
    package let caller: AccessCaller
    /// What they want to do.
    package let action: ActionName
    /// What they want to do it to.
    package let resource: Resource
    /// Whether the operation may be used on keys of other accounts.
    package let crossesAccounts: Bool
    /// What conditions and policy variables ask of the request.
    package let request: any ConditionSource

    /// Asks whether `caller` may do `action` to `resource`.
    package init(
        caller: AccessCaller, action: ActionName, resource: Resource, crossesAccounts: Bool,
        request: any ConditionSource
    ) {
        self.caller = caller
        self.action = action
        self.resource = resource
        self.crossesAccounts = crossesAccounts
        self.request = request
    }

    /// Whether the key belongs to another account than the caller.
    package var isForeign: Bool {
        guard case .key(_, let owner) = resource, let account = caller.account else { return false }
        return account != owner
    }
}
