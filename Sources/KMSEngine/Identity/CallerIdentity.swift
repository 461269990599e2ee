package import KMSAccess
package import KMSModel

/// STS GetCallerIdentity: who signed this? It needs no permission and is never denied.
package struct CallerIdentity: Sendable {
    /// The caller's account.
    package let account: AccountID
    /// The caller's unique identifier; for a root user that is the account's number.
    package let userID: String
    /// The caller's ARN, in the partition of the request's region.
    package let arn: String
    /// The audit record of the call was kept under this identifier.
    package let requestID: String
}

/// The part of the STS API that this server offers.
package struct IdentityService: Sendable {
    private let authenticator: Authenticator
    private let audit: AuditLog
    private let clock: any Clock

    package init(authenticator: Authenticator, audit: AuditLog, clock: any Clock) {
        self.authenticator = authenticator
        self.audit = audit
        self.clock = clock
    }

    /// Why the service does not answer.
    package enum Refusal: Error, Sendable {
        case notAuthenticated(AuthenticationFailure)
        /// The call could not be recorded.
        case unavailable
        /// Not an action of this service.
        case unknownAction
    }

    /// Verifies the signature of a request for `action` and answers it.
    package func answer(
        _ request: SignedRequest, action: String, from client: Client, requestID: String
    ) async throws(Refusal) -> CallerIdentity {
        let now = clock.now
        let caller: Caller
        do throws(AuthenticationFailure) {
            caller = try authenticator.verify(request, expecting: .sts, at: clock.signingTime)
        } catch {
            throw .notAuthenticated(error)
        }
        guard action == "GetCallerIdentity" else { throw .unknownAction }
        let record = AuditRecord(
            time: now, eventSource: "sts.amazonaws.com", eventName: action, eventID: RequestID.make(),
            region: caller.region, account: caller.principal.account,
            origin: .call(caller, client: client, requestID: requestID)
        )
        do {
            try await audit.append(record.line(), durably: false)
        } catch {
            throw .unavailable
        }
        return CallerIdentity(
            account: caller.principal.account, userID: caller.principal.account.description,
            arn: caller.principal.arn(in: caller.region.partition), requestID: requestID
        )
    }
}
