package import KMSAccess
package import KMSModel

/// What makes a text a key policy of this server.
package struct PolicyRules: Sendable {
    private let principals: any PrincipalDirectory & Sendable

    package init(principals: any PrincipalDirectory & Sendable) { self.principals = principals }

    /// Accepts a policy for a key, or answers the default one when the request gives none.
    ///
    /// - Parameter request: What the new policy's conditions may ask when the caller's own access is checked.
    /// - Returns: The text to store.
    /// - Throws: ``KMSError``: `LimitExceededException`, `MalformedPolicyDocumentException`, `InvalidArnException`.
    package func accept(
        _ text: String?, for key: KeyARN, caller: Caller, skippingLockoutCheck: Bool, request: any ConditionSource
    ) throws(KMSError) -> String {
        guard let text else { return StandardKeyPolicy.default(for: key.account, in: key.region.partition) }
        do throws(PolicyFailure) {
            let document = try PolicyDocument.parse(text, in: key.region.partition)
            try document.checkPrincipals(in: principals)
            guard !skippingLockoutCheck else { return text }
            let asker = AccessCaller.principal(caller.principal)
            try KeyPolicy(document).checkLockout(
                of: asker, fromKey: key.description, ownedBy: key.account,
                policies: CallerPolicies(of: caller.principal),
                request: request
            )
            return text
        } catch {
            throw KMSError(error)
        }
    }

    /// The principal that a grant on `key` is to name.
    ///
    /// Source of the sentences: recorded answers.
    ///
    /// - Parameter member: What names it in the request.
    /// - Throws: ``KMSError`` with `InvalidArnException`.
    func grantPrincipal(_ text: String, _ member: String, for key: KeyARN) throws(KMSError) -> String {
        guard text.utf8.starts(with: "arn:".utf8) else {
            throw KMSError(.invalidArn, "\(member) does not refer to a valid principal.")
        }
        guard let principal = try? PolicyPrincipal(aws: text, in: key.region.partition) else {
            throw KMSError(.invalidArn, "ARN is not valid: \(text)")
        }
        guard principal.canBeGranted(in: principals) else {
            throw KMSError(.invalidArn, "ARN does not refer to a valid principal: \(text)")
        }
        return text
    }

    /// The principal of the caller's own account whose grants to retire are to be listed.
    ///
    /// - Throws: ``KMSError`` with `InvalidArnException`.
    func retiringPrincipal(_ text: String, of realm: Realm) throws(KMSError) -> String {
        guard let principal = try? PolicyPrincipal(aws: text, in: realm.region.partition),
            text.utf8.starts(with: "arn:".utf8), principal.account == realm.account
        else { throw KMSError(.invalidArn, "Input does not refer to a valid principal") }
        return text
    }

    /// Compiles the policy of a stored key.
    ///
    /// Principals were checked when it was written; that they exist no longer is no reason to refuse it now.
    ///
    /// - Throws: ``PolicyFailure`` when the stored text is not a policy: the store was tampered with.
    package func compile(_ text: String, for key: KeyARN) throws(PolicyFailure) -> KeyPolicy {
        KeyPolicy(try PolicyDocument.parse(text, in: key.region.partition))
    }

    /// A stored policy as GetKeyPolicy shows it.
    package func text(of stored: String) -> String {
        guard let value = try? JSONParser.parse(stored.utf8) else { return stored }
        return PolicyText.print(value)
    }
}
