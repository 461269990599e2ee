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
    ///   `ThrottlingException` when the log cannot be read now, `KMSInternalException`.
    package func lookUpEvents(
        _ query: AuditQuery, limit: Int, days: Int, by caller: Caller, from client: Client, requestID: String
    ) async throws(KMSError) -> AuditTrail.Findings {
        var record = recordOfLookup(by: caller, from: client, requestID: requestID)
        let refusal = refusal(of: caller, client, doing: Self.lookUp, to: "*")
        record.outcome = refusal.map(AuditRecord.Failure.init)
        try await keep(record)
        if let refusal { throw refusal }
        do throws(AuditFailure) {
            return try await trail.search(
                query, account: caller.principal.account, region: caller.region, limit: limit, days: days,
                now: record.time)
        } catch {
            throw KMSError(.throttling, error.description)
        }
    }

}
