package import KMSAccess
package import KMSIdentity
package import KMSModel

/// What makes a text a key policy of this server.
package struct PolicyRules: Sendable {
    private let identities: IdentityDirectory
    private let quotas: Quotas
    private let compiled = CompiledPolicies()

    package init(identities: IdentityDirectory, quotas: Quotas) {
        self.identities = identities
        self.quotas = quotas
    }

    /// Accepts a policy for a key, or answers the default one when the request gives none.
    ///
    /// - Parameter request: What the new policy's conditions may ask when the caller's own access is checked.
    /// - Returns: The text to store, in which users and roles stand by their unique identifiers.
    /// - Throws: ``KMSError``: `LimitExceededException`, `MalformedPolicyDocumentException`, `InvalidArnException`.
    package func accept(
        _ text: String?, for key: KeyARN, caller: Caller, skippingLockoutCheck: Bool, request: any ConditionSource
    ) throws(KMSError) -> String {
        guard let text else { return StandardKeyPolicy.default(for: key.account, in: key.region.partition) }
        do throws(PolicyFailure) {
            let document = try PolicyDocument.parse(
                text, in: key.region.partition, atMost: quotas.resources(of: key.account).policyByteCount)
            try document.checkPrincipals(in: identities)
            let stored = PolicyText.compact(document.bound(in: identities, partition: key.region.partition))
            guard !skippingLockoutCheck else { return stored }
            try compile(stored, for: key).checkLockout(
                of: .principal(caller.principal), fromKey: key.description, ownedBy: key.account,
                policies: identities.policies(of: caller), request: request
            )
            return stored
        } catch {
            throw KMSError(error)
        }
    }

    // MARK: Grants

    /// The principal that a grant on `key` is to name, as it is stored.
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
        guard principal.canBeGranted(in: identities) else {
            throw KMSError(.invalidArn, "ARN does not refer to a valid principal: \(text)")
        }
        return principal.bound(in: identities) ?? text
    }

    /// The principal of the caller's own account whose grants to retire are to be listed, as it is stored.
    ///
    /// - Throws: ``KMSError``: `InvalidArnException`, or `NotFoundException` for the identifier of somebody who was deleted.
    func retiringPrincipal(_ text: String, of realm: Realm) throws(KMSError) -> String {
        if let id = UniqueID(text), identities.principal(id) == nil {
            throw KMSError(.notFound, "Retiring principal \(text) could not be found")
        }
        guard let principal = try? PolicyPrincipal(aws: text, in: realm.region.partition),
            text.utf8.starts(with: "arn:".utf8), principal.account == realm.account,
            principal.canBeGranted(in: identities)
        else { throw KMSError(.invalidArn, "Input does not refer to a valid principal") }
        return principal.bound(in: identities) ?? text
    }

    /// The principal that a grant is stored with for this ARN: what a list is searched for.
    func storedPrincipal(_ text: String, in partition: Partition) -> String {
        (try? PolicyPrincipal(aws: text, in: partition))?.bound(in: identities) ?? text
    }

    /// A principal of a stored grant as it is called now; who is gone is shown by the unique identifier.
    func shownPrincipal(_ stored: String, in partition: Partition) -> String {
        (try? PolicyPrincipal(aws: stored, in: partition))?.arn(in: partition, from: identities) ?? stored
    }

    // MARK: Stored policies

    /// Compiles the policy of a stored key.
    ///
    /// Principals were checked when it was written; that they exist no longer is no reason to refuse it now.
    ///
    /// - Throws: ``PolicyFailure`` when the stored text is not a policy: the store was tampered with.
    package func compile(_ text: String, for key: KeyARN) throws(PolicyFailure) -> KeyPolicy {
        KeyPolicy(try PolicyDocument.parse(stored: text, as: .key(key.region.partition)))
    }

    /// Compiles the policy of a key that comes into memory, and lets it share its text and what was made of it with other
    /// keys that have the same.
    ///
    /// - Throws: As ``compile(_:for:)``.
    func share(_ record: inout KeyRecord) throws(PolicyFailure) -> KeyPolicy {
        let (text, arn) = (record.policy, record.arn)
        let shared = try compiled.policy(text, in: arn.region.partition) { () throws(PolicyFailure) in
            try compile(text, for: arn)
        }
        record.policy = shared.text
        return shared.policy
    }

    /// A stored policy as GetKeyPolicy shows it, with the ARNs that users and roles have now.
    package func text(of stored: String, for key: KeyARN) -> String {
        guard let value = try? JSONParser.parse(stored.utf8) else { return stored }
        return PolicyText.print(PolicyDocument.unbound(value, in: identities, partition: key.region.partition))
    }
}
