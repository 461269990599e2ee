import Foundation
package import KMSAccess
import KMSIdentity
package import KMSModel

extension Pipeline {
    /// What policies are asked before a decision is explained.
    private static let action: ActionName = "chatelaine:ExplainAccess"

    /// Says whether a principal of the caller's account may do something, and why; nothing is done.
    ///
    /// Whoever asks must be a root user, or be allowed `chatelaine:ExplainAccess` on the principal that is asked about: the
    /// answer shows what is written in policies. Of another account's key neither policy nor grants are shown.
    ///
    /// - Returns: The explanation as JSON.
    /// - Throws: ``KMSError``: of authentication, `AccessDeniedException`, `ValidationException`, `NotFoundException`.
    package func explain(
        _ request: SignedRequest, from client: Client, requestID: String
    ) async throws(KMSError) -> [UInt8] {
        let asker: Caller
        do throws(AuthenticationFailure) {
            asker = try authenticator.verify(
                request, expecting: .administration, at: clock.signingTime, serverTime: clock.now)
        } catch {
            throw KMSError(error)
        }
        return try await explain(request.body, by: asker, from: client, requestID: requestID)
    }

    /// Says for somebody who is known what ``explain(_:from:requestID:)`` says.
    ///
    /// - Throws: ``KMSError``: `AccessDeniedException`, `ValidationException`, `NotFoundException`.
    package func explain(
        _ body: [UInt8], by asker: Caller, from client: Client, requestID: String
    ) async throws(KMSError) -> [UInt8] {
        let now = clock.now
        var record = AuditRecord(
            time: now, eventSource: "chatelaine", eventName: "ExplainAccess", eventID: RequestID.make(),
            region: asker.region, account: asker.principal.account,
            origin: .call(asker, client: client, requestID: requestID)
        )
        record.showsResources = false
        let result: Result<[UInt8], KMSError>
        do throws(KMSError) {
            guard case .object(let object)? = try? JSONParser.parse(body, refusingDuplicates: true) else {
                throw KMSError(.serialization)
            }
            record.requestParameters = JSONObject(
                object.members.filter { member in
                    ["Principal", "Action", "KeyId", "AliasName"].contains { member.name.isSame(as: $0) }
                }
                .map { .init(name: $0.name.lowercasedFirst, value: $0.value) })
            try checkMemory()
            result = .success(try await explain(object, asker, client))
        } catch {
            record.outcome = AuditRecord.Failure(error)
            result = .failure(error)
        }
        try await keep(record)
        return try result.get()
    }

    private func explain(
        _ object: JSONObject, _ asker: Caller, _ client: Client
    ) async throws(KMSError) -> [UInt8] {
        let now = clock.now
        try authorize(asker, client, asking: object["Principal"])
        let explained = try ExplanationRequest(object, asker: asker, client: client, at: now, identities: identities)
        try Self.checkContexts(in: explained.body)
        var context = context(of: explained.caller, from: explained.client, at: now)
        context.body = explained.body
        let explanation = try await explanation(of: explained, in: context, at: now)
        var writer = JSONWriter()
        explanation.write(to: &writer)
        return writer.bytes
    }

    /// The first denial of all that the imagined request needs, or else the last permission.
    private func explanation(
        of explained: ExplanationRequest, in context: RequestContext, at now: Date
    ) async throws(KMSError) -> Explanation {
        let accesses = try await resolving(explained.body, for: context) { resolver throws(KMSError) in
            try explained.accesses(with: resolver)
        }
        var last: Explanation?
        for access in accesses.needed {
            let isHidden = access.key.map { $0.arn.account != explained.caller.principal.account } ?? false
            let explanation = authorizer.explanation(
                of: access, amongst: accesses.needed + accesses.others, for: explained.operation, in: context,
                hidingKey: isHidden)
            // Any other answer would tell a key of another account that is not shared from one that is not there.
            if isHidden, case .denied(let denial) = explanation.decision, !denial.isOfOwnAccount {
                throw .accessDeniedToHiddenKey(
                    .principal(explained.caller.principal), doing: access.action, in: explained.caller.partition)
            }
            guard explanation.decision.isAllowed else { return explanation }
            last = explanation
        }
        guard let last else { throw KMSError(.kmsInternal) }
        return last
    }

    /// Policies are asked about a session by its role: whoever may not ask about a role may not by naming a session.
    private func authorize(_ asker: Caller, _ client: Client, asking principal: JSONValue?) throws(KMSError) {
        guard case .string(let text)? = principal else { return }
        let arn =
            ExplanationRequest.principal(text, asker, identities)?.policyARN(in: asker.partition) ?? text
        if let refusal = refusal(of: asker, client, doing: Self.action, to: arn) { throw refusal }
    }

    /// Why the caller's own account does not let it do what no key policy is asked about; nil when it does.
    func refusal(of caller: Caller, _ client: Client, doing action: ActionName, to resource: String) -> KMSError? {
        let circumstances = RequestCircumstances(
            caller: caller, client: client, now: clock.now, identities: identities)
        let question = AccessQuestion(
            caller: .principal(caller.principal), action: action, resource: .outsideKeyPolicies(resource),
            crossesAccounts: false, request: circumstances)
        guard case .denied(let denial) = question.decision(under: nil, policies: identities.policies(of: caller)) else {
            return nil
        }
        return .accessDenied(question, because: denial, in: caller.partition)
    }
}
