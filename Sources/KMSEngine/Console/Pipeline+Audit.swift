package import KMSAccess
import KMSIdentity
package import KMSModel

extension Pipeline {
    /// Searches the audit log of the caller's account and region, and keeps a record of that.
    ///
    /// - Parameters:
    ///   - limit: How many records are returned at most.
    ///   - days: How many days up to now are counted.
    /// - Throws: ``KMSError``: `AccessDeniedException` for who is not allowed `cloudtrail:LookupEvents`,
    ///   `ThrottlingException` when it is asked too often, `DependencyTimeoutException` when the server ends,
    ///   `KMSInternalException`.
    package func lookUpEvents(
        _ query: AuditQuery, limit: Int, days: Int, by caller: Caller, from client: Client, requestID: String
    ) async throws(KMSError) -> AuditTrail.Findings {
        let refusal = refusalOfSearch(by: caller) ?? refusal(of: caller, client, doing: Self.lookUp, to: "*")
        try await keepRecord(of: "LookupEvents", at: Self.cloudTrail, refusal, caller, client, requestID)
        do throws(AuditTrail.Failure) {
            return try await trail.search(
                query, account: caller.principal.account, region: caller.region, limit: limit, days: days,
                now: clock.now)
        } catch {
            throw self.refusal(of: error, requestID)
        }
    }
}
