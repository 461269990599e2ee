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
        let now = clock.now
        let asker: Caller
        do throws(AuthenticationFailure) {
            asker = try authenticator.verify(
                request, expecting: .administration, at: clock.signingTime, serverTime: now)
        } catch {
            throw KMSError(error)
        }
        var record = AuditRecord(
            time: now, eventSource: "chatelaine", eventName: "ExplainAccess", eventID: RequestID.make(),
            region: asker.region, account: asker.principal.account,
            origin: .call(asker, client: client, requestID: requestID)
        )
        record.showsResources = false
        let result: Result<[UInt8], KMSError>
        do throws(KMSError) {
            guard case .object(let object)? = try? JSONParser.parse(request.body, refusingDuplicates: true) else {
                throw KMSError(.serialization)
            }
            record.requestParameters = JSONObject(
                object.members.filter { ["Principal", "Action", "KeyId", "AliasName"].contains($0.name) }
                    .map { .init(name: $0.name.lowercasedFirst, value: $0.value) })
            result = .success(try explain(object, asker, client))
        } catch {
            record.outcome = AuditRecord.Failure(error)
            result = .failure(error)
        }
        do throws(AuditFailure) {
            try await audit.append(record.line(), durably: false)
        } catch {
            throw KMSError(.kmsInternal, "The request could not be recorded.")
        }
        return try result.get()
    }

    private func explain(_ object: JSONObject, _ asker: Caller, _ client: Client) throws(KMSError) -> [UInt8] {
        let now = clock.now
        try authorize(asker, client, asking: object["Principal"])
        let explained = try ExplanationRequest(object, asker: asker, client: client, at: now, identities: identities)
        var context = context(of: explained.caller, from: explained.client, at: now)
        context.body = explained.body
        let access = try access(of: explained, at: now)
        let isHidden = access.key.map { $0.arn.account != asker.principal.account } ?? false
        let explanation = authorizer.explanation(
            of: access, amongst: [access] + otherSide(of: explained, at: now), for: explained.operation, in: context,
            hidingKey: isHidden)
        // Any other answer would tell a key of another account that is not shared from one that is not there.
        if isHidden, case .denied(let denial) = explanation.decision, !denial.isOfOwnAccount {
            throw .accessDeniedToHiddenKey(
                .principal(explained.caller.principal), doing: explained.action, in: asker.partition)
        }
        var writer = JSONWriter()
        explanation.write(to: &writer)
        return writer.bytes
    }

    /// Policies are asked about a session by its role: whoever may not ask about a role may not by naming a session.
    private func authorize(_ asker: Caller, _ client: Client, asking principal: JSONValue?) throws(KMSError) {
        guard case .string(let text)? = principal else { return }
        let arn =
            ExplanationRequest.principal(text, asker, identities)?.policyARN(in: asker.partition) ?? text
        let circumstances = RequestCircumstances(
            caller: asker, client: client, now: clock.now, identities: identities)
        let question = AccessQuestion(
            caller: .principal(asker.principal), action: Self.action, resource: .outsideKeyPolicies(arn),
            crossesAccounts: false, request: circumstances)
        if case .denied(let denial) = question.decision(under: nil, policies: identities.policies(of: asker)) {
            throw .accessDenied(question, because: denial, in: asker.partition)
        }
    }

    /// The other key of an imagined ReEncrypt, as far as the request names one that there is.
    private func otherSide(of explained: ExplanationRequest, at now: Date) -> [Access] {
        guard explained.operation.name == .reEncrypt else { return [] }
        let isFrom = explained.action == "kms:ReEncryptFrom"
        let action: ActionName = isFrom ? "kms:ReEncryptTo" : "kms:ReEncryptFrom"
        let resolver = KeyResolver(directory: directory, keyring: keyring, caller: explained.caller, now: now)
        guard case .string(let name)? = explained.body[isFrom ? "DestinationKeyId" : "SourceKeyId"],
            let key = try? resolver.key(name, for: explained.operation.doing(action))
        else { return [] }
        return [Access(action, on: .key(key, checksState: false))]
    }

    /// What the imagined request would act on.
    private func access(of explained: ExplanationRequest, at now: Date) throws(KMSError) -> Access {
        let resolver = KeyResolver(directory: directory, keyring: keyring, caller: explained.caller, now: now)
        if let name = explained.aliasName {
            return Access(explained.action, on: .alias(try resolver.aliasARN(name)))
        }
        if case .string(let principal)? = explained.body["RetiringPrincipal"], explained.keyID == nil {
            return Access(explained.action, on: .identity(principal))
        }
        guard let identifier = explained.keyID else { return Access(explained.action, on: .account) }
        let operation = explained.operation.doing(explained.action)
        let key = try resolver.key(identifier, for: operation)
        if explained.operation.name == .retireGrant {
            guard case .string(let id)? = explained.body["GrantId"] else {
                throw KMSError(.validation, "Say in Request with GrantId which grant is to be retired.")
            }
            let grant = try resolver.grant(id, on: key, for: operation)
            return Access(explained.action, on: .grant(key, grant))
        }
        return Access(explained.action, on: .key(key, checksState: false))
    }
}
