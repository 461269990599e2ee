package import KMSAccess
package import KMSIdentity
package import KMSModel

extension Pipeline {
    /// What policies are asked, because everybody of the account is looked at.
    private static let lookAtEverybody = "GetAccountAuthorizationDetails"

    /// How much the caller's account uses of IAM's quotas; a record of that is kept.
    ///
    /// - Throws: ``KMSError``: `AccessDeniedException` for who is not allowed `iam:GetAccountAuthorizationDetails`,
    ///   `ThrottlingException` when too much of the account's work waits, `KMSInternalException`.
    package func identityUsage(
        by caller: Caller, from client: Client, requestID: String
    ) async throws(KMSError) -> IdentityUsage {
        let refusal = refusal(of: caller, client, doing: ActionName("iam:\(Self.lookAtEverybody)"), to: "*")
        try await keepRecord(
            of: Self.lookAtEverybody, at: "iam.amazonaws.com", refusal, caller, client, requestID)
        guard let present = identities.identities(of: caller.principal.account) else { throw KMSError(.kmsInternal) }
        return try await slowWork.listing.result(for: caller.principal.account) { IdentityUsage(of: present) }.get()
    }

    /// Keeps the record of a call that only reads and is none of the API's operations, and then refuses it, if it is refused.
    ///
    /// - Throws: ``KMSError``: `refusal`, or `KMSInternalException`.
    func keepRecord(
        of name: String, at source: String, _ refusal: KMSError?, _ caller: Caller, _ client: Client,
        _ requestID: String
    ) async throws(KMSError) {
        var record = AuditRecord(
            time: clock.now, eventSource: source, eventName: name, eventID: RequestID.make(), region: caller.region,
            account: caller.principal.account, origin: .call(caller, client: client, requestID: requestID))
        record.showsResources = false
        record.outcome = refusal.map(AuditRecord.Failure.init)
        try await keep(record)
        if let refusal { throw refusal }
    }
}
